"""Set pretraining loss beside the size of circuits, for sparse models and their dense twins."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.files import read_json, write_json
from sparse_circuits.weight_sparse.frontier import frontier


@dataclass(frozen=True)
class Arguments:
    sparse: list[str]
    """names of the sparse models"""
    dense: list[str]
    """names of the dense models"""
    losses: list[Path]
    """losses.json of each of these, sparse ones first"""
    circuits: list[Path]
    """pruning.json of every model and task, all tasks of a model in a row, in the same order of models"""
    frontier: Path
    """JSON file to write"""


def main(args: Arguments) -> None:
    names = [*args.sparse, *args.dense]
    tasks = len(args.circuits) // len(names)
    measured = dict(zip(names, map(read_json, args.losses), strict=True))
    losses = {name: found["held_out"] for name, found in measured.items()}
    accuracies = {name: found["accuracy"] for name, found in measured.items() if "accuracy" in found}
    edges, bisected = {}, {}
    for number, name in enumerate(names):
        rows = [read_json(path) for path in args.circuits[number * tasks : (number + 1) * tasks]]
        solved = {row["task"]: row for row in rows if row["solved"]}
        edges[name] = {task: row["edges"] for task, row in solved.items()}
        bisected[name] = {task: row["bisected"]["edges"] for task, row in solved.items()}
    found = frontier(losses, edges, bisected, args.sparse, args.dense, accuracies or None)
    write_json(args.frontier, found)
    for pair in found["pairs"]:
        ratio = pair["geometric_mean_ratio"]
        print(
            f"{pair['sparse']} beside {pair['dense']}: {len(pair['tasks'])} tasks, edges "
            + (
                f"{ratio:.1f} times fewer, {pair['geometric_mean_ratio_bisected']:.1f} before the clean-up"
                if ratio
                else "nothing to compare"
            )
        )


if __name__ == "__main__":
    program(main, Arguments)
