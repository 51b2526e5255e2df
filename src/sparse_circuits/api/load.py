"""Any artefact of results/ in one line of Python: what it is, is seen from its files."""

from pathlib import Path
from typing import Any

from sparse_circuits.artefacts.edit_evaluation import EditEvaluation
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, read_jsonl

FILES = (".json", ".jsonl", ".csv", ".h5", ".safetensors")


def load(path: str | Path) -> Any:
    """Return an artefact of results/, by its folder or file.

    A folder of an autoencoder gives a SparseAutoencoder, of a model a Model, of a circuit a FoundCircuit, of an edit a
    KeptEdit, of a cache a CachedActivations; of a task, a corpus, interpretations or figures a dict of what
    its files hold, by name. A .json file gives its content, .jsonl a list of objects, .csv a data frame, .safetensors a
    dict of tensors, .h5 an h5py.File that is open for reading.
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
    if path.suffix == ".h5":
        import h5py

        return h5py.File(path)
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    raise StudyError(f"{path}: not an artefact that can be loaded; {', '.join(FILES)} or a folder are")


def _folder(folder: Path) -> Any:
    if (folder / "sae_weights.safetensors").exists():
        from sparse_circuits.sae.autoencoder import load_autoencoder

        return load_autoencoder(folder)
    if (folder / "config.json").exists():
        from sparse_circuits.models.load import Model

        return Model.load(folder)
    if (folder / "circuit.json").exists():
        from sparse_circuits.api.circuit import load_circuit

        return load_circuit(folder)
    if (judged := folder / "evaluation.json").exists() and "hooked" in read_json(judged):
        from sparse_circuits.api.edit import KeptEdit

        return KeptEdit(EditEvaluation.read(judged), folder)
    if (folder / "manifest.json").exists():
        from sparse_circuits.api.activations import CachedActivations

        return CachedActivations(folder)
    if files := [path for path in sorted(folder.iterdir()) if path.suffix in FILES]:
        return {path.name: load(path) for path in files}
    raise StudyError(
        f"{folder}: neither an autoencoder (sae_weights.safetensors), a model (config.json), a circuit (circuit.json), "
        f"an edit (evaluation.json), a cache (manifest.json) nor a folder of {', '.join(FILES)}"
    )
