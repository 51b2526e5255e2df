"""The nodes of a circuit chosen by their scores, and its artefact's nodes and edges."""

from collections.abc import Mapping, Sequence

from sparse_circuits.artefacts.circuit import CircuitEdge, CircuitNode, PromotedTokens, ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import SiteSum
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.edges import Edge
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.circuits.scores import NodeScores


def select_nodes(scores: NodeScores, threshold: float, has_errors: bool) -> list[Node]:
    """Return the nodes that surely score at least `threshold` times the |mean total effect|, in the order of sites.

    What must be as large is the `lower_bound` of the |mean score|: what the pairs agree on.

    Raises StudyError when there are none.
    """
    floor = threshold * abs(scores.total_effect.double().mean().item())
    nodes: list[Node] = []
    for site, part in scores.sites.items():
        for place in range(scores.positions):
            position = place if scores.positions > 1 else None
            above = lower_bound(*mean_and_error(part.nodes[:, place])) >= floor
            nodes += [Node(site, index, position) for index in above.nonzero().flatten().tolist()]
            if has_errors and lower_bound(*mean_and_error(part.error[:, [place]])) >= floor:
                nodes.append(Node(site, None, position))
    if not any(node.index is not None for node in nodes):
        raise StudyError(
            f"no node surely scores {threshold:g} of the total effect ({floor:.4g}); the circuit is empty; "
            "lower node_threshold or score more pairs"
        )
    return nodes


def site_sums(scores: NodeScores) -> dict[str, SiteSum]:
    """Return, for each site, the sum of its nodes' scores beside the total effect, and how far they differ."""
    target = scores.total_effect.double().mean().item()
    result = {}
    for site, part in scores.sites.items():
        total = (part.nodes.double().sum(dim=(1, 2)) + part.error.double().sum(dim=1)).mean().item()
        result[str(site)] = SiteSum(sum=total, target=target, relative_gap=abs(total - target) / abs(target))
    return result


def listed(
    scores: NodeScores,
    nodes: Sequence[Node],
    tokens: Mapping[str, PromotedTokens],
    edges: Sequence[Edge],
    output: str = "logit_difference",
) -> tuple[list[CircuitNode], list[CircuitEdge]]:
    """Return the nodes of a circuit with their mean scores and `tokens` by id, and an `output` node; and the edges.

    The nodes of the last site are joined to the output by edges that weigh their scores; its score is `total_effect`.
    """
    rows = [
        CircuitNode(
            id=node.id,
            site=str(node.site),
            position=node.position,
            score=scores.mean(node),
            **tokens.get(node.id, PromotedTokens()).plain(),
        )
        for node in nodes
    ]
    last = str(max((node.site for node in nodes), key=lambda site: site.order))
    known = {node.id for node in nodes}
    kept = [edge for edge in edges if edge[0] in known and edge[1] in known]
    kept += [(row.id, output, row.score) for row in rows if row.site == last]
    effect = scores.total_effect.double().mean().item()
    return (
        [*rows, CircuitNode(id=output, site="output", position=None, score=effect)],
        [CircuitEdge(source=source, target=target, weight=weight) for source, target, weight in kept],
    )


def circuit_nodes(circuit: ScoredCircuit) -> list[Node]:
    """Return the nodes of a circuit, without error nodes and output."""
    return [node for part in circuit.parts if (node := Node.parse(part.id)).index is not None]
