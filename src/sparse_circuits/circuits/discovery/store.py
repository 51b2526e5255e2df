"""Described tokens as a file."""

from dataclasses import fields
from pathlib import Path

import h5py
import torch

from sparse_circuits.base.files import publishing
from sparse_circuits.circuits.discovery.descriptions import Descriptions
from sparse_circuits.circuits.discovery.tokens import Targets


def save_tokens(path: Path, targets: Targets, descriptions: Descriptions) -> None:
    """Publish an HDF5 file of /targets/<field> and /descriptions/<field>."""
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        for group, part in (("targets", targets), ("descriptions", descriptions)):
            for field in fields(part):
                file[f"{group}/{field.name}"] = getattr(part, field.name).numpy()


def load_tokens(path: Path) -> tuple[Targets, Descriptions]:
    """Read what `save_tokens` wrote."""
    with h5py.File(path) as file:

        def tensors(group: str) -> dict[str, torch.Tensor]:
            return {name: torch.from_numpy(data[()]) for name, data in file[group].items()}

        return Targets(**tensors("targets")), Descriptions(**tensors("descriptions"))
