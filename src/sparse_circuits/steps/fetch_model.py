import tempfile
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.files import Folder
from sparse_circuits.config.fetch_model import FetchModel
from sparse_circuits.models.convert import convert
from sparse_circuits.sources.registry import fetch


@dataclass(frozen=True)
class Files:
    folder: Folder  # where to write config.json, model.safetensors, tokenizer files and model_card.json


def step(files: Files, settings: FetchModel) -> None:
    """Fetch a model and turn it into an ordinary Hugging Face folder."""
    files.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=files.folder.parent, prefix=".fetch.") as temporary:
        fetch(settings.entry.sources, Path(temporary), f"model {settings.model}")
        convert(settings.model, settings.entry, Path(temporary), files.folder)
