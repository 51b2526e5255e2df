"""The few numbers that matter of a study."""

from collections.abc import Sequence
from typing import Any

from sparse_circuits.artefacts.artefact import Part
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.artefacts.study_summary import SAERow, StudySummary, TaskRow
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
    study: str, headline_task: str, saes: list[SAEEvaluation], circuits: list[CircuitEvaluation]
) -> StudySummary:
    """Return the study's main numbers from the evaluations of its autoencoders and circuits."""
    mine = {item.basis: item for item in circuits if item.task == headline_task}
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
    return StudySummary(
        study=study,
        task=headline_task,
        numbers={
            **of_saes,
            f"the model's accuracy on {headline_task}": shown.accuracy.model,
            f"{basis} that reach faithfulness {WANTED} on held-out {headline_task}": size,
            "faithfulness of random circuits of that size": (
                None if size is None else shown.random[shown.nodes.index(size)]
            ),
        },
        neurons=nodes_needed(mine["neurons"]) if "neurons" in mine else None,
        tasks=[
            TaskRow(
                task=item.task,
                basis=item.basis,
                examples=item.examples,
                accuracy=item.accuracy.model,
                clean=item.clean,
                nodes=nodes_needed(item),
                circuit_nodes=item.circuit.nodes,
                circuit_faithfulness=item.circuit.faithfulness,
                circuit_accuracy=item.accuracy.circuit,
                relative_gap=item.attribution.relative_gap,
                remarks=remarks(item),
            )
            for item in circuits
        ],
        saes=[SAERow(**item.model_dump(include=set(SAERow.model_fields))) for item in saes],
    )


def nodes_needed(evaluation: CircuitEvaluation) -> int | None:
    """Return the smallest size of a curve at which faithfulness reaches WANTED, or None."""
    curve = zip(evaluation.nodes, evaluation.faithfulness, strict=True)
    return next((size for size, value in curve if value >= WANTED), None)


def format_summary(summary: StudySummary, page: str) -> str:
    """Return the numbers, tables of autoencoders and circuits, remarks, and the page's path as lines for a terminal."""
    width = max(map(len, summary.numbers))
    lines = [f"{name.ljust(width)}  {show(value)}" for name, value in summary.numbers.items()]
    tables = [
        line
        for rows, columns in (
            (summary.saes, SAE_COLUMNS),
            (summary.tasks, PRUNED_COLUMNS if summary.models else TASK_COLUMNS),
        )
        if rows
        for line in ("", *_table(rows, columns))
    ]
    circuits = [row for row in summary.tasks if isinstance(row, TaskRow)]
    notes = [f"{row.task}, {row.basis}: {note}" for row in circuits for note in row.remarks]
    return "\n".join([f"Study {summary.study}", *lines, *tables, *(["", *notes] if notes else []), "", page])


def _table(rows: Sequence[Part], columns: dict[str, str]) -> list[str]:
    """Lines of columns that stand one under another: words to the left, numbers to the right."""
    cells = [list(columns.values()), *([show(getattr(row, key)) for key in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [isinstance(getattr(rows[0], key), str) for key in columns]
    return [
        "  ".join(
            cell.ljust(n) if w else cell.rjust(n) for cell, n, w in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in cells
    ]


def show(value: Any) -> str:
    """A number as people read it; what was not reached is a dash."""
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else f"{value}"
