"""Models, circuits and edits as Python objects: run on a prompt, changed, and run again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from sparse_circuits.base.compute import choose_device
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, sha256
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.circuits.dictionaries import features_of, load_basis
from sparse_circuits.config.site import Site
from sparse_circuits.edit.circuits import coordinates, mean_coordinates, mean_intervention
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.edit.intervention import Intervention, compose
from sparse_circuits.models.load import Model, load_model, load_tokenizer
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.run import continued, run
from sparse_circuits.models.texts import token_text
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs


@dataclass(frozen=True)
class LoadedModel:
    """A model of results/models/ or of an edit, with its tokenizer, and what is changed while it runs.

    The separator that the model's sequences begin with is put before each prompt, as in studies.
    """

    model: Model
    tokenizer: Tokenizer
    intervention: Intervention = field(default_factory=dict)
    length: int | None = None  # tokens that a prompt must have, where the intervention is made for so many

    def generate(self, prompt: str, tokens: int = 20) -> str:
        """Return the continuation of `prompt` by so many tokens, the likeliest each time.

        Raises StudyError where the intervention is made for prompts of one length, which a continuation outgrows.
        """
        if self.length is not None:
            raise StudyError(
                "a model with nodes as on `patch` has no continuation: `patch` has none; ask `next_tokens`"
            )
        return str(self.tokenizer.decode(continued(self.model, self.encode(prompt), tokens, self.intervention)))

    @torch.no_grad()
    def next_tokens(self, prompt: str, count: int = 5) -> list[tuple[str, float]]:
        """Return the likeliest next tokens after `prompt`, with their probabilities."""
        top = self._logits(prompt).softmax(dim=0).topk(count)
        return [
            (token_text(self.tokenizer, i), p) for i, p in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]

    @torch.no_grad()
    def logit_difference(self, prompt: str, answer: str, other: str) -> float:
        """Return by how many nats `answer` is likelier than `other` after `prompt`.

        Raises StudyError for an answer that is not one token, and for two that are the same one.
        """
        answers = [self.tokenizer.encode(text, add_special_tokens=False) for text in (answer, other)]
        for text, ids in zip((answer, other), answers, strict=True):
            if len(ids) != 1:
                raise StudyError(f"answer {text!r} is {len(ids)} tokens of {self.model.name}; it must be one")
        if answers[0] == answers[1]:
            raise StudyError(f"answers {answer!r} and {other!r} are the same token of {self.model.name}")
        logits = self._logits(prompt)
        return float(logits[answers[0][0]] - logits[answers[1][0]])

    @torch.no_grad()
    def features(self, prompt: str, sae: SparseAutoencoder, count: int = 5) -> list[list[tuple[str, float]]]:
        """Return, for each token of `prompt`, the ids of the features of `sae` that are most active, and how much.

        Raises StudyError for an autoencoder of another model.
        """
        site, features = _site(sae), self._features(sae)
        tokens = torch.tensor([self.encode(prompt)], device=self.model.device)
        read = run(self.model, tokens, edit=self.intervention, read=[site]).activations[site][0, 1:]
        top = features.read(read).topk(count)
        rows = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        return [[(Node(site, index).id, value) for index, value in zip(*row, strict=True) if value > 0] for row in rows]

    def rewritten(self, saes: Sequence[SparseAutoencoder], factors: Mapping[str, float]) -> "LoadedModel":
        """Return the model whose features are multiplied: {"resid_post.24/468": 0.0} ablates one.

        Raises StudyError for a feature that no one of `saes` has, and for an autoencoder of another model.
        """
        basis: Basis = {_site(sae): self._features(sae) for sae in saes}
        rewritings = {_node(name): Rewriting(factor) for name, factor in factors.items()}
        return self.changed(rewrite_nodes(basis, rewritings))

    def changed(self, intervention: Intervention) -> "LoadedModel":
        """Return the model with a further intervention."""
        return replace(self, intervention=compose([self.intervention, intervention]))

    def _features(self, sae: SparseAutoencoder) -> Features:
        return features_of(self.model, _site(sae), sae, f"this {sae.architecture} autoencoder")

    def _logits(self, prompt: str) -> torch.Tensor:
        """The logits (vocabulary,) of the token after a prompt."""
        tokens = torch.tensor([self.encode(prompt)], device=self.model.device)
        return run(self.model, tokens, edit=self.intervention, logits="last").logits[0, -1]

    def encode(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt, the separator first.

        Raises StudyError for a prompt that is none (`models.prompts`), and where the intervention is made for another
        length.
        """
        tokens = prompt_tokens(prompt, self.tokenizer, self.model.separator_id)
        if self.length is not None and self.length != len(tokens):
            raise StudyError(f"{prompt!r} is {len(tokens) - 1} tokens, `patch` {self.length - 1}; they must be as many")
        return tokens


@dataclass(frozen=True)
class LoadedCircuit:
    """A circuit of results/circuits/: circuit.json, and what stands beside it where it was judged and proved."""

    facts: dict[str, Any]  # circuit.json without nodes and edges: study, task, model, basis, thresholds, hashes
    nodes: list[dict[str, Any]]  # id, site, position, score in nats, tokens promoted and suppressed
    edges: list[dict[str, Any]]  # source, target, weight in nats
    evaluation: dict[str, Any] | None
    proof: dict[str, Any] | None
    folder: Path

    def strongest(self, count: int | None = None) -> list[str]:
        """Return the ids of the nodes of largest |score|, or of all, without error nodes and the output.

        Raises StudyError for a circuit of weights, whose nodes have no scores: all of them are needed.
        """
        if self.facts["basis"] == "weights":
            raise StudyError(f"{self.folder}: nodes of a circuit of weights have no scores; all in `nodes` are needed")
        inside = [node for node in self.nodes if node["site"] != "output" and "/error" not in node["id"]]
        return [node["id"] for node in sorted(inside, key=lambda node: -abs(node["score"]))[:count]]

    @cached_property
    def model(self) -> LoadedModel:
        """The circuit's model; raises StudyError when results/ has another one of that name."""
        folder = self._results / "models" / self.facts["model"]
        _same(folder / "model.safetensors", self.facts["sha256"]["model"])
        return load_folder(folder)

    @cached_property
    def saes(self) -> list[SparseAutoencoder]:
        """The autoencoders whose features are the nodes, found by their hashes; StudyError when there are none."""
        return [features.sae for features in self._basis.values() if isinstance(features, Features)]

    def alone(self, count: int | None = None, patch: str | None = None) -> LoadedModel:
        """Return the model with nothing but the circuit (its `count` strongest nodes) as it is; error nodes stay too.

        All other nodes are as on `patch`, a prompt of as many tokens as those to be asked about; without one at their
        means over the positions of the task's training prompts, which leaves a network far from any it has learnt.
        Raises StudyError for a circuit whose nodes stand at positions of the task's prompts: other prompts have others.
        """
        return self._ablated(count, patch, keep=True)

    def without(self, count: int | None = None, patch: str | None = None) -> LoadedModel:
        """Return the model with the circuit's nodes as on `patch` or at their means, and all others as they are."""
        return self._ablated(count, patch, keep=False)

    def _ablated(self, count: int | None, patch: str | None, keep: bool) -> LoadedModel:
        nodes = [Node.parse(name) for name in self.strongest(count)]
        if any(node.position is not None for node in nodes):
            raise StudyError(f"{self.folder}: its nodes stand at positions of the task's prompts")
        fills = self._means if patch is None else self._coordinates(patch)
        changed = self.model.changed(mean_intervention(self._basis, fills, nodes, keep))
        return changed if patch is None else replace(changed, length=len(self.model.encode(patch)))

    @torch.no_grad()
    def _coordinates(self, prompt: str) -> dict[Site, torch.Tensor]:
        """The coordinates (position, coordinate) of a prompt's tokens, without the separator."""
        tokens = torch.tensor([self.model.encode(prompt)])
        return {site: found[0] for site, found in coordinates(self.model.model, self._basis, tokens).items()}

    @property
    def _results(self) -> Path:
        return self.folder.resolve().parents[3]

    @cached_property
    def _basis(self) -> Basis:
        hashes = self.facts["sha256"]["saes"]
        if not hashes:
            raise StudyError(f"{self.folder}: its nodes are coordinates of the model; circuits of features can be run")
        saes = self._results / "saes" / self.facts["model"]
        folders = [
            _found(sorted((saes / site).glob("*/sae_weights.safetensors")), digest) for site, digest in hashes.items()
        ]
        return load_basis(self.model.model, folders, list(hashes))

    @cached_property
    def _means(self) -> dict[Site, torch.Tensor]:
        pairs = self._results / "tasks" / self.facts["task"] / "train.jsonl"
        _same(pairs, self.facts["sha256"]["task"])
        groups = encode_pairs(read_pairs(pairs), self.model.tokenizer, self.model.model.separator_id)
        prompts = [side for _, batch in groups for side in (batch.clean, batch.patch)]
        return mean_coordinates(self.model.model, self._basis, prompts)


@dataclass(frozen=True)
class LoadedEdit:
    """An edit of results/edits/."""

    evaluation: dict[str, Any]
    folder: Path

    @cached_property
    def model(self) -> LoadedModel:
        """The model that keeps the edit; raises StudyError where the edit has none."""
        if not (self.folder / "model/config.json").exists():
            raise StudyError(f"{self.folder}: no model keeps this edit; set `permanent` of the edit in its study")
        return load_folder(self.folder / "model")


def load_folder(folder: Path) -> LoadedModel:
    """Load the model of a folder, onto a GPU where there is one."""
    return LoadedModel(load_model(folder, choose_device("auto")), load_tokenizer(folder))


def load_circuit(folder: Path) -> LoadedCircuit:
    """Read circuit.json of a folder, and evaluation.json and proof.json where they are."""
    circuit = read_json(folder / "circuit.json")
    nodes, edges = circuit.pop("nodes"), circuit.pop("edges")
    beside = (folder / name for name in ("evaluation.json", "proof.json"))
    evaluation, proof = (read_json(path) if path.exists() else None for path in beside)
    return LoadedCircuit(circuit, nodes, edges, evaluation, proof, folder)


def _site(sae: SparseAutoencoder) -> Site:
    if "hook_name" not in sae.metadata:
        raise StudyError("this autoencoder's cfg.json does not name the site that it reads (metadata: hook_name)")
    if sae.is_transcoder:
        raise StudyError(
            f"a {sae.architecture} reads one site and writes another; only autoencoders' features can be read"
        )
    return Site.parse(sae.metadata["hook_name"])


def _node(name: str) -> Node:
    try:
        return Node.parse(name)
    except ValueError:
        raise StudyError(f"{name!r} is no feature; write its site and number, as in resid_post.24/468") from None


def _same(path: Path, digest: str) -> None:
    if not path.exists():
        raise StudyError(f"{path}: missing; `snakemake` makes it, `make restore` brings it")
    if sha256(path) != digest:
        raise StudyError(f"{path}: not the one that the circuit was found with; run `snakemake` again")


def _found(files: Sequence[Path], digest: str) -> Path:
    for file in files:
        if sha256(file) == digest:
            return file.parent
    looked = ", ".join(map(str, files)) or "none"
    raise StudyError(f"no autoencoder with the hash {digest[:12]} that circuit.json names; there are: {looked}")
