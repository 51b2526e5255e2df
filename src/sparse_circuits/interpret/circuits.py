"""Which features of a site the circuits of a study hold, and what they are joined to."""

from collections.abc import Sequence

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.interpretation import NodeInCircuits, TaskEdge, TaskScore
from sparse_circuits.circuits.circuit_file import circuit_nodes


def site_nodes(circuits: Sequence[ScoredCircuit], site: str) -> dict[int, NodeInCircuits]:
    """Return the features of a site in any of the circuits, in order, each with where it stands in circuits."""
    found: dict[int, NodeInCircuits] = {}
    for circuit in circuits:
        scores = {node.id: node.score for node in circuit.nodes}
        for node in circuit_nodes(circuit):
            if str(node.site) != site or node.index is None:
                continue
            note = found.setdefault(node.index, NodeInCircuits(tasks=[], upstream=[], downstream=[]))
            note.tasks.append(TaskScore(task=circuit.task, position=node.position, score=scores[node.id]))
            for edge in circuit.edges:
                if edge.target == node.id:
                    note.upstream.append(TaskEdge(task=circuit.task, node=edge.source, weight=edge.weight))
                if edge.source == node.id:
                    note.downstream.append(TaskEdge(task=circuit.task, node=edge.target, weight=edge.weight))
    for note in found.values():
        for side in (note.upstream, note.downstream):
            side.sort(key=lambda edge: (-abs(edge.weight), edge.task, edge.node))
    return dict(sorted(found.items()))
