"""Saving a model that was changed, as a folder like the one it came from."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparse_circuits.base.files import publishing_folder, sha256, write_json
from sparse_circuits.models.load import model_card

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def save_edited(
    model: "PreTrainedModel", original: Path, folder: Path, name: str, added_after: Sequence[int] = ()
) -> None:
    """Publish a model with its original's tokenizer, licence and separator, and the hash of what it was made from.

    `added_after` are the original's layers after which it has one more.
    """
    card = model_card(original)
    with publishing_folder(folder) as temporary:
        hashes = write_model(model, original, temporary)
        changed = {
            "name": name,
            "made_from": {"name": card["name"], "sha256": card["sha256"]["model.safetensors"]},
            "num_layers": model.config.num_hidden_layers,
            "added_after": list(added_after),
            "sha256": hashes,
        }
        write_json(temporary / "model_card.json", {**card, **changed})


def write_model(model: "PreTrainedModel", tokenizer: Path, folder: Path) -> dict[str, str]:
    """Write a model and the tokenizer of another's folder; return the sha256 of each file."""
    from transformers.utils import logging

    # Saving takes no time; a progress bar would only litter the log.
    logging.disable_progress_bar()
    model.cpu().save_pretrained(folder, max_shard_size="1TB")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokenizer / file, folder / file)
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}
