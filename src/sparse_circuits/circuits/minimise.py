"""The smallest circuit that is faithful enough, as its file has it."""

from sparse_circuits.artefacts.minimal_circuit import MinimalCircuit, NeededNode, SearchSizes
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.circuits.search.problem import pose
from sparse_circuits.circuits.search.registry import minimal_circuit
from sparse_circuits.config.minimise_circuit import MinimiseCircuit


def minimise_circuit(bench: Bench, scores: NodeScores, settings: MinimiseCircuit) -> MinimalCircuit:
    """Return the smallest circuit of a bench's training pairs, with what each node is needed for.

    Raises StudyError when no circuit of the candidates is as faithful as the target.
    """
    problem = pose(bench, scores, settings)
    found = minimal_circuit(problem, settings)
    return MinimalCircuit(
        search=settings.search,
        scores=scores.scoring.method,
        target=settings.target,
        held_out_faithfulness=found.faithfulness,
        sizes=SearchSizes(candidates=len(problem.candidates), bisected=found.bisected, minimal=len(found.without)),
        nodes=[
            NeededNode(id=node.id, score=scores.mean(node), faithfulness_without=without)
            for node, without in found.without.items()
        ],
    )
