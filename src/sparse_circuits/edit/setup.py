"""What every program of edits begins with: the model, its nodes, and the pairs of all behaviours by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.circuit_file import read_circuit_nodes
from sparse_circuits.circuits.setup import set_up_basis
from sparse_circuits.config.base import validate
from sparse_circuits.config.edits import EditSettings
from sparse_circuits.edit.build import Materials
from sparse_circuits.edit.features import Rewriting
from sparse_circuits.files import read_json
from sparse_circuits.models.load import Language, load_language_model, load_tokenizer
from sparse_circuits.tasks.pair import Pair, read_pairs
from sparse_circuits.tasks.pairs import Groups, encode_pairs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH = 8  # sequences in one pass over text
Selected = dict[Node, Rewriting]


@dataclass(frozen=True)
class Sources:
    """Where an edit's data lie."""

    edit: str
    """the edit's settings, as JSON"""
    model: Path
    """folder of the model"""
    sequences: Path
    """HDF5 file of token sequences"""
    sites: list[str]
    """sites of the nodes, in the order of the computation"""
    names: list[str]
    """behaviours and tasks"""
    pairs: list[Path]
    """folder of the pairs of each"""
    saes: list[Path]
    """folder of each site's autoencoder; none for coordinates"""


@dataclass(frozen=True)
class WholeEdit(Sources):
    """Where that lies of which all of an edit's operations are made."""

    tasks: list[str]
    """tasks whose circuits are kept or removed"""
    circuits: list[Path]
    """circuit.json of each"""


@dataclass(frozen=True)
class Editing:
    """An edit's settings with the model, its nodes, and readers of pairs and text."""

    settings: EditSettings
    language: Language
    tokenizer: "PreTrainedTokenizerBase"
    basis: Basis
    sources: Sources

    @classmethod
    def of(cls, sources: Sources, device: torch.device) -> "Editing":
        """Load everything. Raises StudyError where something does not fit."""
        settings = validate(EditSettings, sources.edit, "edit")
        language = load_language_model(sources.model, device)
        basis = set_up_basis(language, sources.saes, sources.sites)
        return cls(settings, language, load_tokenizer(sources.model), basis, sources)

    def pairs(self, name: str, split: str) -> list[Pair]:
        """Return a behaviour's pairs."""
        folder = dict(zip(self.sources.names, self.sources.pairs, strict=True))[name]
        return read_pairs(folder / f"{split}.jsonl")

    def groups(self, name: str, split: str) -> Groups:
        """Return a behaviour's pairs as batches of tokens."""
        return encode_pairs(self.pairs(name, split), self.tokenizer, self.language.separator_id)

    def text(self, split: str, sequences: int) -> list[Tensor]:
        """Return the first sequences of a split, as batches (sequence, position)."""
        tokens = read_sequences(self.sources.sequences, split, 0, sequences).token_id
        return list(torch.from_numpy(tokens).long().split(BATCH))

    def materials(self, sources: WholeEdit, selected: Selected) -> Materials:
        """Return what the edit's operations are made of."""
        return Materials(
            self.language,
            self.basis,
            self.text("train", self.settings.fit_sequences),
            {name: self.groups(name, "train") for name in self.settings.needs},
            {task: read_circuit_nodes(path) for task, path in zip(sources.tasks, sources.circuits, strict=True)},
            selected,
        )


def read_selection(path: Path | None) -> Selected:
    """Return the nodes that were selected; none where there is no file."""
    rows: Sequence[dict[str, Any]] = read_json(path)["nodes"] if path else []
    return {Node.parse(row["node"]): Rewriting(row["factor"], row["clamp"], row["below"]) for row in rows}
