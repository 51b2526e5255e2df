"""A circuit, and one pass in which every node outside it is ablated, for many circuits at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Dictionary, Node, by_coordinate
from sparse_circuits.circuits.fills import Fill
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run
from sparse_circuits.tasks.pairs import PairBatch


@dataclass(frozen=True)
class Circuit:
    """The nodes that are kept: for each site a mask (position or 1, width), and whether error nodes are kept."""

    kept: Mapping[Site, Tensor]
    errors: bool

    @classmethod
    def of(cls, nodes: Sequence[Node], basis: Basis, positions: int = 1, errors: bool = True) -> "Circuit":
        """The circuit of some nodes; `positions` is the prompts' length where nodes have positions, else 1.

        Error nodes are kept all or none, whether `nodes` lists them or not.
        """
        kept = {site: torch.zeros(positions, dictionary.width, dtype=torch.bool) for site, dictionary in basis.items()}
        for node in nodes:
            if node.index is not None:
                kept[node.site][0 if node.position is None else node.position, node.index] = True
        return cls(kept, errors)

    @classmethod
    def whole(cls, basis: Basis) -> "Circuit":
        """The circuit of all nodes."""
        return cls.of([], basis, errors=False).complement()

    def complement(self) -> "Circuit":
        """The circuit of all other nodes."""
        return Circuit({site: ~mask for site, mask in self.kept.items()}, not self.errors)


def stacked(masks: list[Tensor], length: int) -> Tensor:
    """Masks of several circuits as one (circuit, position or 1, width), some of which may name positions."""
    positions = max(len(mask) for mask in masks)
    if positions not in (1, length):
        raise StudyError(
            f"the circuit's nodes stand at positions of prompts of {positions} tokens, which says nothing of a prompt "
            f"of {length}; give pairs of one length or drop by_position"
        )
    return torch.stack([mask.expand(positions, -1) for mask in masks]).float()


def run_ablated(
    model: Model,
    batch: PairBatch,
    basis: Basis,
    fills: Mapping[Site, Fill],
    left_out: Mapping[Site, Tensor],
    errors_left_out: Tensor,
    clean: Tensor,
) -> Tensor:
    """Return the last token's logits (circuit * pair, vocabulary) with nodes ablated.

    `left_out` (circuit, position or 1, width) and `errors_left_out` (circuit,) say how much of each node is replaced by
    its fill: 0 nothing, 1 all. `clean` is the clean run's activation at the first site of the basis.
    """
    circuits = len(errors_left_out)
    edits: dict[Site, Edit] = {}
    for site, dictionary in basis.items():
        _ablate(edits, site, dictionary, fills[site], left_out[site], errors_left_out)
    first = next(iter(basis))
    tokens = batch.clean.repeat(circuits, 1)
    if first.kind == "resid_post":
        # No circuit changes anything before the first site: begin there, with its ablation already done.
        start = (first, edits.pop(first)(clean.repeat(circuits, 1, 1)))
        logits = run(model, tokens, start=start, edit=edits, logits="last").logits
    else:
        logits = run(model, tokens, edit=edits, logits="last").logits
    return logits[:, -1]


def _ablate(
    edits: dict[Site, Edit], site: Site, dictionary: Dictionary, fill: Fill, left_out: Tensor, errors_left_out: Tensor
) -> None:
    """Add the edits of activations (circuit * pair, position, d) that ablate one site.

    The separator at position 0 is left as it is: it is an attention sink, which no autoencoder is trained on, and says
    nothing of the prompt. Writing is linear, so the nodes left out are taken off and their fills put in without
    touching the others: for means, once for each circuit and position, whatever the number of pairs.
    """
    circuits = len(errors_left_out)
    read: dict[str, Tensor] = {}

    def keep(x: Tensor) -> Tensor:
        read["x"] = x
        return x

    def edit(x: Tensor) -> Tensor:
        share = left_out.to(x.device)
        share = share if share.shape[1] == 1 else share[:, 1:]
        coordinates, error = (part if part.shape[1] == 1 else part[:, 1:] for part in fill)
        source, prompt = (part[:, 1:].unflatten(0, (circuits, -1)) for part in (read.get("x", x), x))
        removed, explained = dictionary.read_parts(source, share)
        filled = dictionary.write(coordinates * by_coordinate(share, dictionary.group).unsqueeze(1))
        edited = prompt - removed + filled
        if dictionary.has_error and errors_left_out.any():
            edited = edited + errors_left_out.to(x.device)[:, None, None, None] * (error - (prompt - explained))
        return torch.cat([x[:, :1], edited.flatten(0, 1)], dim=1)

    if dictionary.reads:
        edits[dictionary.reads] = keep
    edits[site] = edit
