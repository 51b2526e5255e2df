"""A circuit put to the proof: what each node does, hypothesis tests, stability, controls on which it must fail."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from sparse_circuits.artefacts.circuit_proof import CircuitControls, CircuitStability, ControlSizes, JudgedHypothesis
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.evidence import lower_bound
from sparse_circuits.circuits.proof.controls import LIMIT, nonsense_gain, shuffled_faithfulness
from sparse_circuits.circuits.proof.plan import COMPARED, plan_proof, prove
from sparse_circuits.circuits.proof.stability import largest_nodes, stability
from sparse_circuits.circuits.scores import NodeScores, SiteScores
from sparse_circuits.tasks.controls import swapped_half
from sparse_circuits.tasks.pairs import Groups

RESAMPLES = 100
ON_ALL_PAIRS = ("equivalence", "independence")


def hypothesis_tests(
    bench: Bench, all_pairs: Groups, scores: NodeScores, circuit: Sequence[Node], seed: int
) -> dict[str, JudgedHypothesis]:
    """Return the verdicts of the five tests.

    Circuit and model are compared on `all_pairs`. Only what is compared with random circuits, which are drawn from the
    nodes that score anything, takes the fewer pairs of `bench`: that needs hundreds of runs.
    """
    generator = torch.Generator().manual_seed(seed)
    plan = plan_proof(circuit, scores.ranked(), generator)
    bench = bench.with_means(scores)

    def metric(bench: Bench, names: Iterable[str]) -> torch.Tensor:
        return bench.run([run.circuit(bench) for name in names for run in plan[name]]).metric

    few, many = metric(bench, plan), metric(bench.on(all_pairs), COMPARED)
    return {
        name: JudgedHypothesis(
            **{key: value for key, value in vars(verdict).items() if key != "nodes"},
            pairs=(many if name in ON_ALL_PAIRS else few).shape[1],
        )
        for name, verdict in prove(plan, few, many, generator).items()
    }


def ablation_effects(bench: Bench, scores: NodeScores, circuit: Sequence[Node]) -> dict[str, float]:
    """Return, by name of the circuit's nodes, by how much the metric changes when that node alone is set to its mean.

    Averaged over the pairs of `bench`; below 0 where the node carries the behaviour. Error nodes are left out.
    """
    nodes = [node for node in circuit if node.index is not None]
    bench = bench.with_means(scores)
    alone = [bench.circuit([node], errors=False).complement() for node in nodes]
    model, *without = bench.run([bench.whole, *alone]).metric.double().mean(dim=1).tolist()
    return {node.id: value - model for node, value in zip(nodes, without, strict=True)}


def stability_of(scores: NodeScores, size: int, seed: int) -> CircuitStability:
    """Return how much circuits of `size` nodes from resampled pairs agree, and the nodes that are in nearly all."""

    def choose(mean: torch.Tensor, error: torch.Tensor) -> torch.Tensor:
        return largest_nodes(lower_bound(mean, error), size)

    columns, active = scores.active()
    found = stability(active, choose, RESAMPLES, torch.Generator().manual_seed(seed))
    return CircuitStability(
        jaccard=found.jaccard,
        jaccard_with_all=found.jaccard_with_all,
        resamples=RESAMPLES,
        consensus=[node.id for node in scores.nodes_at(columns[found.consensus])],
    )


def controls(
    bench: Bench, scores: NodeScores, nonsense_train: Groups, nonsense_test: Groups, size: int, seed: int
) -> CircuitControls:
    """Return what circuits of `size` nodes do that were found with shuffled labels, and for nonsense answers.

    Both are found as the real one, on as many training pairs, and judged on the pairs of `bench`; see
    `proof.controls`. `nonsense_train` and `nonsense_test` are the same pairs with nonsense answers. Nodes without
    evidence are in no circuit, so that one of a control may have fewer than `size`.
    """
    bench = bench.with_means(scores)
    scored = score_nodes(bench.on(nonsense_train), scores.scoring)
    nonsense = scored.ranked(evident=True)[:size]
    real, shuffled = (part.ranked(evident=True)[:size] for part in (scores, _shuffled(scores, seed)))
    circuits = [bench.empty, bench.whole, *map(bench.circuit, (real, shuffled, nonsense))]
    empty, model, true, swapped, _ = bench.run(circuits).metric
    n_empty, n_model, *_, n_circuit = bench.on(nonsense_test).run(circuits).metric
    gained = nonsense_gain(model, empty, n_model, n_empty, n_circuit)
    faithful = shuffled_faithfulness(model, empty, swapped)
    return CircuitControls(
        size=size,
        real=shuffled_faithfulness(model, empty, true),
        nonsense=gained,
        shuffled=faithful,
        nodes=ControlSizes(nonsense=len(nonsense), shuffled=len(shuffled)),
        fail_as_they_should=max(gained, faithful) < LIMIT,
    )


def _shuffled(scores: NodeScores, seed: int) -> NodeScores:
    """The scores with the labels of half of the pairs swapped: the metric of a swapped pair only changes its sign."""
    sign = torch.where(torch.from_numpy(swapped_half(len(scores.total_effect), seed)), -1.0, 1.0)
    sites = {
        site: SiteScores(part.nodes * sign[:, None, None], part.error * sign[:, None])
        for site, part in scores.sites.items()
    }
    return replace(scores, sites=sites, total_effect=scores.total_effect * sign)
