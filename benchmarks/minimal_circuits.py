"""How many nodes circuits need for the same faithfulness on `test`: by thresholds, greedy and learned masks.

Every search sees the training pairs alone. Its circuit is then judged on `test`, beside the best-scored nodes: how many
of these are as faithful there? Likewise for features against the coordinates of the sites that the autoencoders read
(Marks et al. 2024, section 3.2, choose neurons so), and against the neurons of all MLPs, where attention stays whole.
Seconds are of one thread's CPU time, so that what else the machine does is not counted.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from common import Claim, Table, publish_findings
from finished import Finished
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.scores import NodeScores, load_scores
from sparse_circuits.circuits.search.bisection import smallest
from sparse_circuits.circuits.search.problem import pose
from sparse_circuits.circuits.search.registry import minimal_circuit
from sparse_circuits.command import program
from sparse_circuits.config.minimise_circuit import MinimalCircuits, MinimiseCircuit
from sparse_circuits.config.score_nodes import Scoring

LEARNED = ("hard_concrete", "heaviside")
BATCH_TOKENS = 1024
GROWTH = 1.3  # from one size tried to the next
SCORE_PAIRS, STEPS = 32, 10  # as the default study scores features


@dataclass(frozen=True)
class Arguments:
    study: Finished = field(default_factory=Finished)
    neuron_layers: int = 30
    """layers of the model"""
    tasks: list[str] = field(default_factory=lambda: ["simple", "nounpp", "rc", "within_rc"])
    """agreement tasks"""
    targets: list[float] = field(default_factory=lambda: [0.75, 0.85, 0.95])
    """faithfulness asked for on held-out training pairs, of Heaviside masks"""
    others: list[str] = field(default_factory=lambda: ["greedy", "hard_concrete"])
    """searches that the second target alone is asked of"""
    candidates: int = 300
    """nodes to choose from, the best scored"""
    test_pairs: int = 32
    """pairs that judge"""


def main(args: Arguments) -> None:
    set_up(1)
    rows = [row for task in args.tasks for row in _task(args, task)]
    learned = [row for row in rows if row["search"] in LEARNED]
    claims = [
        Claim(
            f"{row['search']} on {row['task']}, {row['test']:.2f} faithful on test: its nodes beside those of {rival}",
            row["nodes"] / row[key],
            f"of {row[key]}",
            share,
            True,
        )
        for rival, key, share in (
            ("thresholds", "thresholds_need", 0.5),
            ("coordinates of the same sites", "coordinates_need", 0.2),
            ("neurons of all MLPs", "neurons_need", 0.2),
        )
        for row in learned
        if row[key]
    ]
    columns = list(rows[0])
    table = [["–" if row[key] is None else row[key] for key in columns] for row in rows]
    title = "Smallest circuits that are faithful on held-out training pairs, and what is as faithful on test"
    publish_findings("minimal_circuits", choose_device("cpu"), claims, [Table(title, columns, table)])


def _task(args: Arguments, task: str) -> list[dict[str, Any]]:
    """One row a search."""
    features = args.study.set_up(f"{task}/train", None, choose_device("cpu"))
    scores = load_scores(args.study.circuits / task / "features/scores.h5")
    problem = pose(
        Bench(features.model, features.groups, features.basis, batch_tokens=BATCH_TOKENS),
        scores,
        MinimiseCircuit.model_validate({"sites": [], "candidates": args.candidates}),
    )
    test = _judge(args.study.set_up(f"{task}/test", args.test_pairs, choose_device("cpu")), scores)
    curve = _Curve(test, scores.ranked())
    rivals = {
        "coordinates": _coordinates(args, task, args.study.sites, None),
        "neurons": _coordinates(
            args,
            task,
            [f"mlp_neurons.{layer}" for layer in range(args.neuron_layers)],
            load_scores(args.study.circuits / task / "neurons/scores.h5"),
        ),
    }
    rows: list[dict[str, Any]] = []
    for search, target in [("heaviside", t) for t in args.targets] + [(s, args.targets[1]) for s in args.others]:
        begin = time.process_time()
        try:
            found = minimal_circuit(problem, MinimalCircuits.model_validate({"search": search, "target": target}))
        except StudyError as reason:
            print(f"{task}, {search}: {reason}", flush=True)
            continue
        seconds = time.process_time() - begin
        (faithfulness,) = test.faithfulness([list(found.without)])
        rows.append(
            {
                "task": task,
                "search": search,
                "target": target,
                "bisected": found.bisected,
                "nodes": len(found.without),
                "held_out": round(found.faithfulness, 3),
                "test": round(faithfulness, 3),
                "thresholds_need": curve.size(faithfulness),
                **{f"{name}_need": rival.size(faithfulness) for name, rival in rivals.items()},
                "cpu_seconds": round(seconds),
            }
        )
        print(rows[-1], flush=True)
    return rows


def _coordinates(args: Arguments, task: str, sites: list[str], scores: NodeScores | None) -> "_Curve":
    """The curve of the sites' own coordinates, which are scored as features are where there are no scores yet."""
    if not scores:
        train = args.study.set_up(f"{task}/train", SCORE_PAIRS, choose_device("cpu"), sites)
        scores = score_nodes(
            Bench(train.model, train.groups, train.basis, batch_tokens=BATCH_TOKENS),
            Scoring.of("integrated_gradients", STEPS),
        )
    test = args.study.set_up(f"{task}/test", args.test_pairs, choose_device("cpu"), sites)
    return _Curve(_judge(test, scores), scores.ranked())


def _judge(setup: Bench, scores: NodeScores) -> Bench:
    return Bench(setup.model, setup.groups, setup.basis, batch_tokens=BATCH_TOKENS).with_means(scores)


class _Curve:
    """Faithfulness over the sizes of a ranking."""

    def __init__(self, judge: Bench, ranking: Sequence[Node]) -> None:
        self.judge, self.ranking = judge, ranking
        self.sizes = [1]
        while self.sizes[-1] < len(ranking):
            self.sizes.append(min(len(ranking), max(self.sizes[-1] + 1, int(self.sizes[-1] * GROWTH))))
        self.known: dict[int, float] = {}

    def size(self, faithfulness: float) -> int | None:
        """Return the smallest size that is as faithful, bisected after the first of `sizes` that is; None: none is."""
        below = 0
        for size in self.sizes:
            if self._at(size) >= faithfulness:
                return below + smallest(size - below, lambda n: self._at(below + n) >= faithfulness)  # noqa: B023
            below = size
        return None

    def _at(self, size: int) -> float:
        if size not in self.known:
            (self.known[size],) = self.judge.faithfulness([self.ranking[:size]])
        return self.known[size]


if __name__ == "__main__":
    program(main)
