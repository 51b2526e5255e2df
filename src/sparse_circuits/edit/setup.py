"""What every step of edits begins with: the model, its nodes, and the pairs of all behaviours by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.edit_selection import EditSelection, RewrittenNode
from sparse_circuits.base.files import ByFolder
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.circuits.circuit_file import circuit_nodes
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.config.edits import EditSettings, OfEdit
from sparse_circuits.edit.build import Materials
from sparse_circuits.edit.features import Rewriting
from sparse_circuits.models.load import Model, load_model
from sparse_circuits.tasks.pair import Pair, read_pairs
from sparse_circuits.tasks.pairs import Groups, encode_pairs

BATCH = 8  # sequences in one pass over text
Selected = dict[Node, Rewriting]


@dataclass(frozen=True)
class Editing:
    """An edit's settings with the model, its nodes, and readers of pairs and text."""

    settings: EditSettings
    model: Model
    basis: Basis
    sequences: Path
    folders: ByFolder

    @classmethod
    def of(
        cls, asked: OfEdit, folder: Path, saes: list[Path], sequences: Path, pairs: Iterable[Path], device: torch.device
    ) -> "Editing":
        """Load everything. `pairs` are folders with the names of behaviours.

        Raises StudyError where something does not fit.
        """
        model = load_model(folder, device)
        basis = load_basis(model, saes, asked.sites)
        return cls(asked.edit, model, basis, sequences, ByFolder(pairs))

    def pairs(self, name: str, split: str) -> list[Pair]:
        """Return a behaviour's pairs."""
        return read_pairs(self.folders[name] / f"{split}.jsonl")

    def groups(self, name: str, split: str) -> Groups:
        """Return a behaviour's pairs as batches of tokens."""
        return encode_pairs(self.pairs(name, split), self.model.tokenizer, self.model.separator_id)

    def prompts(self, name: str) -> list[Tensor]:
        """Return a behaviour's training prompts, clean and patch, as batches (prompt, position)."""
        return [tokens for _, batch in self.groups(name, "train") for tokens in (batch.clean, batch.patch)]

    def text(self, split: str, sequences: int | None = None) -> list[Tensor]:
        """Return the first sequences of a split, or all, as batches (sequence, position)."""
        tokens = read_sequences(self.sequences, split, 0, sequences).token_id
        return list(torch.from_numpy(tokens).long().split(BATCH))

    def materials(self, circuits: Iterable[Path], selected: Selected) -> Materials:
        """Return what the edit's operations are made of. Files of `circuits` lie in <task>/<basis>/."""
        of_tasks = ByFolder(circuits, up=2)
        return Materials(
            self.model,
            self.basis,
            self.text("train", self.settings.fit_sequences),
            {name: self.groups(name, "train") for name in self.settings.needs},
            {task: circuit_nodes(ScoredCircuit.read(of_tasks[task])) for task in self.settings.circuits},
            selected,
        )


def read_selection(path: Path | None) -> Selected:
    """Return the nodes that were selected; none where there is no file."""
    rows = EditSelection.read(path).nodes if path else []
    return {Node.parse(row.node): Rewriting(row.factor, row.clamp, row.below) for row in rows}


def rewritten_nodes(nodes: Mapping[Node, Rewriting]) -> list[RewrittenNode]:
    """Return what becomes of nodes as files have it."""
    return [RewrittenNode(node=node.id, **vars(rewriting)) for node, rewriting in nodes.items()]
