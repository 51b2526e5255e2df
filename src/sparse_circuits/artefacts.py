"""Any artefact of results/ in one line of Python: what it is, is seen from its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, read_jsonl

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from sparse_circuits.models import Language


@dataclass(frozen=True)
class LoadedModel:
    """A model of results/models/ or of an edit, with its tokenizer."""

    language: "Language"
    tokenizer: "PreTrainedTokenizerBase"

    def generate(self, prompt: str, tokens: int = 20) -> str:
        """Return the continuation of `prompt` by so many tokens, the likeliest each time.

        The separator that the model's sequences begin with is put before the prompt, as in studies.
        """
        from sparse_circuits.models import continued

        ids = [self.language.separator_id, *self.tokenizer.encode(prompt, add_special_tokens=False)]
        return str(self.tokenizer.decode(continued(self.language, ids, tokens)))


@dataclass(frozen=True)
class LoadedCircuit:
    """A circuit of results/circuits/: circuit.json, and what stands beside it where it was judged and proved."""

    facts: dict[str, Any]  # circuit.json without nodes and edges: study, task, model, basis, thresholds, hashes
    nodes: list[dict[str, Any]]  # id, site, position, score in nats, tokens promoted and suppressed
    edges: list[dict[str, Any]]  # source, target, weight in nats
    evaluation: dict[str, Any] | None
    proof: dict[str, Any] | None

    def strongest(self, count: int) -> list[str]:
        """Return the ids of the nodes of largest |score|, without error nodes and the output."""
        inside = [node for node in self.nodes if node["site"] != "output" and "/error" not in node["id"]]
        return [node["id"] for node in sorted(inside, key=lambda node: -abs(node["score"]))[:count]]


@dataclass(frozen=True)
class LoadedEdit:
    """An edit of results/edits/."""

    evaluation: dict[str, Any]
    folder: Path

    def model(self) -> LoadedModel:
        """Load the model that keeps the edit; raises StudyError where the edit has none."""
        if not (self.folder / "model/config.json").exists():
            raise StudyError(f"{self.folder}: no model keeps this edit; set `permanent` of the edit in its study")
        return _model(self.folder / "model")


def load(path: str | Path) -> Any:
    """Return an artefact of results/, by its folder or file.

    A folder of an autoencoder gives a SparseAutoencoder, of a model a LoadedModel, of a circuit a LoadedCircuit, of an
    edit a LoadedEdit. A .json file gives its content, .jsonl a list of objects, .csv a data frame.
    Raises StudyError when there is nothing at `path`, or nothing that is known.
    """
    path = Path(path)
    if not path.exists():
        raise StudyError(f"{path}: no such file or folder; `snakemake` makes it, `make restore` brings it")
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".json":
        return read_json(path)
    if path.suffix == ".jsonl":
        return list(read_jsonl(path))
    if path.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(path)
    raise StudyError(f"{path}: not an artefact that can be loaded; .json, .jsonl, .csv or a folder are")


def _folder(folder: Path) -> Any:
    if (folder / "sae_weights.safetensors").exists():
        from sparse_circuits.sae import load_autoencoder

        return load_autoencoder(folder)
    if (folder / "config.json").exists():
        return _model(folder)
    if (folder / "circuit.json").exists():
        return _circuit(folder)
    if (folder / "evaluation.json").exists():
        return LoadedEdit(read_json(folder / "evaluation.json"), folder)
    raise StudyError(
        f"{folder}: neither an autoencoder (sae_weights.safetensors), a model (config.json), a circuit (circuit.json) "
        "nor an edit (evaluation.json)"
    )


def _model(folder: Path) -> LoadedModel:
    from sparse_circuits.compute import choose_device
    from sparse_circuits.models import load_language_model, load_tokenizer

    return LoadedModel(load_language_model(folder, choose_device("auto")), load_tokenizer(folder))


def _circuit(folder: Path) -> LoadedCircuit:
    circuit = read_json(folder / "circuit.json")
    nodes, edges = circuit.pop("nodes"), circuit.pop("edges")
    beside = (folder / name for name in ("evaluation.json", "proof.json"))
    evaluation, proof = (read_json(path) if path.exists() else None for path in beside)
    return LoadedCircuit(circuit, nodes, edges, evaluation, proof)
