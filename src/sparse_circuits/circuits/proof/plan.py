"""What must be run to prove a circuit, and the proof from what the runs give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.matched_random import by_site, matched_random
from sparse_circuits.circuits.proof.equivalence import equivalence
from sparse_circuits.circuits.proof.independence import independence
from sparse_circuits.circuits.proof.minimality import minimality
from sparse_circuits.circuits.proof.partial_necessity import partial_necessity
from sparse_circuits.circuits.proof.sufficiency import sufficiency
from sparse_circuits.circuits.proof.verdict import Verdict

DRAWS = 100
COMPARED = ("model", "circuit", "complement")


@dataclass(frozen=True)
class PlannedRun:
    """A run in which only `nodes` are kept or, with `complement`, all nodes but these."""

    nodes: Sequence[Node]
    complement: bool = False

    def circuit(self, bench: Bench) -> Circuit:
        """Return the circuit to run on a bench; error nodes are kept."""
        kept = bench.circuit(self.nodes, errors=not self.complement)
        return kept.complement() if self.complement else kept


def plan_proof(
    circuit: Sequence[Node], candidates: Sequence[Node], generator: torch.Generator
) -> dict[str, list[PlannedRun]]:
    """Return the runs that `prove` needs, by name, in the order in which it takes them: 303 and one for each node.

    `candidates` are the nodes that random circuits and nodes are drawn from, those that score anything, the circuit's
    own among them. Error nodes are no part of what is tested: they are kept in all runs, so that runs differ in other
    nodes alone. Raises StudyError when the circuit is empty or holds nodes that are no candidates.

    - `model`, `circuit`, `complement`: one run each.
    - `random`: 100 circuits with as many nodes at each site as the circuit; `random_complement`: all but these.
    - `without_node`: the circuit without each of its nodes.
    - `inflated`: 100 times the circuit with one more node, at a site drawn in proportion to the circuit's nodes.
    """
    circuit = [node for node in circuit if node.index is not None]
    if not circuit:
        raise StudyError("the circuit has no nodes; nothing can be proved of it")
    if strangers := set(circuit) - set(candidates):
        one = min(node.id for node in strangers)
        raise StudyError(f"node {one} of the circuit is not among the candidates, which must hold all its nodes")
    random = [matched_random(circuit, candidates, generator) for _ in range(DRAWS)]
    return {
        "model": [PlannedRun([], complement=True)],
        "circuit": [PlannedRun(circuit)],
        "complement": [PlannedRun(circuit, complement=True)],
        "random": [PlannedRun(nodes) for nodes in random],
        "random_complement": [PlannedRun(nodes, complement=True) for nodes in random],
        "without_node": [PlannedRun([*circuit[:i], *circuit[i + 1 :]]) for i in range(len(circuit))],
        "inflated": [PlannedRun([*circuit, node]) for node in _outsiders(circuit, candidates, generator)],
    }


def prove(
    plan: Mapping[str, Sequence[PlannedRun]], metric: Tensor, compared: Tensor, generator: torch.Generator
) -> dict[str, Verdict]:
    """Return the verdicts of the five tests.

    `metric` (run, pair) is that of all runs of `plan_proof` in their order. `compared` (COMPARED, pair) is that of the
    runs of those names alone, which cost little, on more pairs: equivalence and independence have no power on few.
    """
    parts = dict(zip(plan, metric.split([len(runs) for runs in plan.values()]), strict=True))
    model, circuit, complement = (parts[name][0] for name in COMPARED)
    return {
        "equivalence": equivalence(compared[0], compared[1]),
        "independence": independence(compared[0], compared[2], generator),
        "minimality": minimality(circuit, parts["without_node"], parts["inflated"]),
        "sufficiency": sufficiency(model, circuit, parts["random"]),
        "partial_necessity": partial_necessity(model, complement, parts["random_complement"]),
    }


def _outsiders(circuit: Sequence[Node], candidates: Sequence[Node], generator: torch.Generator) -> list[Node]:
    """Draw nodes outside the circuit, each from the site of a node of the circuit."""
    inside = set(circuit)
    pools = by_site([node for node in candidates if node not in inside])
    sites = [node.site for node in circuit if node.site in pools]
    if not sites:
        raise StudyError("the circuit holds every candidate at its sites; nothing is left to compare its nodes with")

    def draw(count: int) -> int:
        return int(torch.randint(count, (), generator=generator))

    chosen = [pools[sites[draw(len(sites))]] for _ in range(DRAWS)]
    return [pool[draw(len(pool))] for pool in chosen]
