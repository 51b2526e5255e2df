"""Any artefact of results/ in one line of Python: what it is, is seen from its files."""

from pathlib import Path
from typing import Any

from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, read_jsonl


def load(path: str | Path) -> Any:
    """Return an artefact of results/, by its folder or file.

    A folder of an autoencoder gives a SparseAutoencoder, of a model a LoadedModel, of a circuit a LoadedCircuit, of an
    edit a LoadedEdit, of a cache a LoadedActivations. A .json file gives its content, .jsonl a list of objects, .csv a
    data frame, .h5 an h5py.File that is open for reading.
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
    raise StudyError(f"{path}: not an artefact that can be loaded; .json, .jsonl, .csv, .h5 or a folder are")


def _folder(folder: Path) -> Any:
    from sparse_circuits.loaded import LoadedEdit, load_circuit, load_model

    if (folder / "sae_weights.safetensors").exists():
        from sparse_circuits.sae import load_autoencoder

        return load_autoencoder(folder)
    if (folder / "config.json").exists():
        return load_model(folder)
    if (folder / "circuit.json").exists():
        return load_circuit(folder)
    if (folder / "evaluation.json").exists():
        return LoadedEdit(read_json(folder / "evaluation.json"), folder)
    if (folder / "manifest.json").exists():
        from sparse_circuits.loaded_cache import LoadedActivations

        return LoadedActivations(folder)
    raise StudyError(
        f"{folder}: neither an autoencoder (sae_weights.safetensors), a model (config.json), a circuit (circuit.json), "
        "an edit (evaluation.json) nor a cache (manifest.json)"
    )
