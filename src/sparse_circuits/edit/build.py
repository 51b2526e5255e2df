"""From an edit's settings to what it does while the model runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.config.edits import EditSettings, Erase, MeanAblate, OfCircuit, Operation, Rewrite, Select
from sparse_circuits.config.site import Site
from sparse_circuits.edit.circuits import mean_coordinates, mean_intervention
from sparse_circuits.edit.erasure import erase
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.models.intervention import Intervention, compose
from sparse_circuits.models.load import Model
from sparse_circuits.tasks.pairs import Groups


@dataclass(frozen=True)
class Materials:
    """What edits are made of: the model, its nodes, text (sequence, position) in batches, training pairs by name,
    circuits by task, and what was selected."""

    model: Model
    basis: Basis
    text: Sequence[Tensor]
    pairs: Mapping[str, Groups]
    circuits: Mapping[str, Sequence[Node]]
    selected: Mapping[Node, Rewriting]


def rewritings(settings: EditSettings, selected: Mapping[Node, Rewriting]) -> dict[Node, Rewriting]:
    """Return every node that is rewritten, selected or listed, and how.

    Raises StudyError for what names no node, and for a node that two operations rewrite.
    """
    found: dict[Node, Rewriting] = {}
    for operation in settings.operations:
        for node, how in _rewritten(operation, selected).items():
            if node in found:
                raise StudyError(f"operations: {node.id} is rewritten twice; name it once")
            found[node] = how
    return found


def _rewritten(operation: Operation, selected: Mapping[Node, Rewriting]) -> dict[Node, Rewriting]:
    if isinstance(operation, Select):
        return dict(selected)
    if isinstance(operation, Rewrite):
        return dict.fromkeys(_nodes(operation.nodes), Rewriting(operation.factor, operation.clamp, operation.below))
    return {}


def build(settings: EditSettings, materials: Materials) -> Intervention:
    """Return the intervention of all operations, in their order."""
    basis, model = materials.basis, materials.model
    parts: list[Intervention] = []
    for operation in settings.operations:
        if isinstance(operation, Select | Rewrite):
            parts.append(rewrite_nodes(basis, _rewritten(operation, materials.selected)))
        elif isinstance(operation, MeanAblate):
            means = mean_coordinates(model, basis, materials.text)
            parts.append(mean_intervention(basis, means, _nodes(operation.nodes)))
        elif isinstance(operation, OfCircuit):
            means = mean_coordinates(model, basis, materials.text)
            nodes = materials.circuits[operation.task]
            parts.append(mean_intervention(basis, means, nodes, keep=operation.kind == "keep_circuit"))
        elif isinstance(operation, Erase):
            sites = [Site.parse(site) for site in operation.sites]
            parts.append(erase(model, materials.pairs[operation.behaviour], sites, operation.kind))
    return compose(parts)


def _nodes(names: Sequence[str]) -> list[Node]:
    try:
        return [Node.parse(name) for name in names]
    except ValueError as error:
        raise StudyError(f"operations: {error}") from None
