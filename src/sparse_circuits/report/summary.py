"""The few numbers that matter of a study."""

from typing import Any

from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.report.remarks import WANTED, remarks

SAE_COLUMNS = {
    "site": "autoencoder",
    "d_sae": "features",
    "l0": "L0",
    "fvu": "FVU",
    "ce_recovered": "CE recovered",
    "dead_fraction": "dead",
}
TASK_COLUMNS = {
    "task": "task",
    "basis": "nodes are",
    "accuracy": "accuracy",
    "nodes": f"nodes to {WANTED}",
    "circuit_nodes": "circuit",
    "circuit_faithfulness": "its faithfulness",
}
PRUNED_COLUMNS = {
    "task": "task",
    "model": "model",
    "nodes": "nodes",
    "edges": "edges",
    "accuracy": "accuracy of the circuit",
}


def summarise(
    study: str, headline_task: str, saes: list[SAEEvaluation], circuits: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the study's main numbers from the evaluations of its autoencoders and circuits."""
    mine = {item["basis"]: item for item in circuits if item["task"] == headline_task}
    # The study's first basis: features, where there are any.
    basis, shown = next(iter(mine.items()))
    size = nodes_needed(shown)
    of_saes = (
        {
            "largest FVU of an autoencoder": max(item.fvu for item in saes),
            "smallest CE recovered": min(item.ce_recovered for item in saes),
        }
        if saes
        else {}
    )
    return {
        "study": study,
        "task": headline_task,
        "numbers": {
            **of_saes,
            f"the model's accuracy on {headline_task}": shown["accuracy"]["model"],
            f"{basis} that reach faithfulness {WANTED} on held-out {headline_task}": size,
            "faithfulness of random circuits of that size": (
                None if size is None else shown["random"][shown["nodes"].index(size)]
            ),
        },
        "neurons": nodes_needed(mine["neurons"]) if "neurons" in mine else None,
        "tasks": [
            {
                "task": item["task"],
                "basis": item["basis"],
                "examples": item["examples"],
                "accuracy": item["accuracy"]["model"],
                "clean": item["clean"],
                "nodes": nodes_needed(item),
                "circuit_nodes": item["circuit"]["nodes"],
                "circuit_faithfulness": item["circuit"]["faithfulness"],
                "circuit_accuracy": item["accuracy"]["circuit"],
                "relative_gap": item["attribution"]["relative_gap"],
                "remarks": remarks(item),
            }
            for item in circuits
        ],
        "saes": [
            item.model_dump(include={"site", "d_sae", "l0", "fvu", "ce_recovered", "dead_fraction"}) for item in saes
        ],
    }


def nodes_needed(evaluation: dict[str, Any]) -> int | None:
    """Return the smallest size of a curve at which faithfulness reaches WANTED, or None."""
    curve = zip(evaluation["nodes"], evaluation["faithfulness"], strict=True)
    return next((size for size, value in curve if value >= WANTED), None)


def format_summary(summary: dict[str, Any], page: str) -> str:
    """Return the numbers, tables of autoencoders and circuits, remarks, and the page's path as lines for a terminal."""
    width = max(map(len, summary["numbers"]))
    lines = [f"{name.ljust(width)}  {show(value)}" for name, value in summary["numbers"].items()]
    tables = [
        line
        for rows, columns in (
            (summary.get("saes"), SAE_COLUMNS),
            (summary["tasks"], PRUNED_COLUMNS if "models" in summary else TASK_COLUMNS),
        )
        if rows
        for line in ("", *_table(rows, columns))
    ]
    notes = [f"{row['task']}, {row['basis']}: {note}" for row in summary["tasks"] for note in row.get("remarks", ())]
    return "\n".join([f"Study {summary['study']}", *lines, *tables, *(["", *notes] if notes else []), "", page])


def _table(rows: list[dict[str, Any]], columns: dict[str, str]) -> list[str]:
    """Lines of columns that stand one under another: words to the left, numbers to the right."""
    kept = {key: title for key, title in columns.items() if key in rows[0]}
    cells = [list(kept.values()), *([show(row[key]) for key in kept] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [isinstance(rows[0][key], str) for key in kept]
    return [
        "  ".join(
            cell.ljust(n) if w else cell.rjust(n) for cell, n, w in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in cells
    ]


def show(value: Any) -> str:
    """A number as people read it; what was not reached is a dash."""
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value}"
