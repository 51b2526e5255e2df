"""The pages of a study of weight-sparse transformers: its models, the smallest circuits of its tasks, what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.artefacts.study_summary import ModelRow, PrunedRow, StudySummary
from sparse_circuits.artefacts.weight_explanation import WeightExplanation
from sparse_circuits.artefacts.weight_pruning import WeightPruning
from sparse_circuits.base.files import read_json
from sparse_circuits.base.wording import rounded
from sparse_circuits.report.contents import circuit_data, circuit_page
from sparse_circuits.report.static import StaticPages

CIRCUIT = "Every node and weight that the task needs, from the embedding up; dotted: what is written and read again."


@dataclass(frozen=True, kw_only=True)
class FoundWeights:
    """The files that the page of such a study shows; each list in the order of the page."""

    models: Sequence[Path]  # losses.json of each model
    prunings: Sequence[Path]  # pruning.json of each task and model, beside its circuit.json
    explanations: Sequence[Path]  # explanation.json of the circuits that get a page, beside their circuit.json
    figures: Sequence[Path]  # PNG files of the figures, with SVG and CSV beside them
    command: str  # how Snakemake is called for the study; pages add the path of an artefact
    artefacts: Sequence[Path] = ()  # files to list with their hashes


def write_weight_pages(found: FoundWeights, study: str, folder: Path) -> StudySummary:
    """Publish the pages of a study in `folder`, with all that they load, and return what its summary.json holds."""
    models = [ModelRow(name=path.parent.name, **ModelLosses.read(path).plain()) for path in found.models]
    circuits = [
        {
            "of": (path.parents[1].name, path.parent.name),
            "circuit": read_json(path.with_name("circuit.json")),
            "pruning": WeightPruning.read(path.with_name("pruning.json")),
            "explanation": WeightExplanation.read(path),
        }
        for path in found.explanations
    ]
    # Of circuits, one a task and model, there are too many for the head of each page; the overview has them.
    site = StaticPages(study, {"index.html": "Overview", "provenance.html": "Provenance"}, folder)
    for item in circuits:
        graph = weight_graph(item["circuit"], item["explanation"])
        data = circuit_data(*item["of"])
        site.data(data, "circuit", graph)
        site.write(circuit_page(*item["of"]), "weight_circuit.html.j2", data=data, **item)
    tasks = [_row(path) for path in found.prunings]
    summary = StudySummary(study=study, numbers=_numbers(tasks), models=models, tasks=tasks)
    linked = {item["of"] for item in circuits if item["circuit"]["nodes"]}
    figures = site.figures(found.figures, CIRCUIT)
    site.write("index.html", "weight_overview.html.j2", summary=summary, linked=linked, figures=figures)
    site.finish(found.artefacts, found.command, summary)
    return summary


def _row(path: Path) -> PrunedRow:
    """Of a task and model: whether there is a circuit, its size, and task losses in nats."""
    pruning = WeightPruning.read(path)
    loss = pruning.task_loss
    return PrunedRow(
        task=path.parents[1].name,
        model=path.parent.name,
        solved=pruning.solved,
        nodes=pruning.nodes,
        edges=pruning.edges,
        whole=loss.model,
        circuit=loss.circuit,
        complement=loss.complement,
        random=loss.random,
        accuracy=pruning.accuracy.circuit,
    )


def _numbers(tasks: Sequence[PrunedRow]) -> dict[str, int | float | None]:
    """The study's main numbers: of each model, in how many tasks there is a circuit, and how large it is."""
    numbers: dict[str, int | float | None] = {}
    for model in dict.fromkeys(row.model for row in tasks):
        of_model = [row for row in tasks if row.model == model]
        edges = [row.edges for row in of_model if row.edges is not None]
        numbers[f"tasks of {len(of_model)} with a circuit in {model}"] = len(edges)
        numbers[f"edges of the middle one in {model}"] = median(edges) if edges else None
    return numbers


def weight_graph(circuit: Mapping[str, Any], explanation: WeightExplanation) -> dict[str, Any]:
    """Return what the browser draws of a circuit of weights: `nodes`, `edges`, `rows`, `scored`; there is no curve.

    Rows are places in the order of the computation. A node's score is the share of prompts whose answer changes when
    the node alone is what it is in the pair's other prompt; its label is what was found of it on training pairs and
    held on test pairs.
    """
    listed = circuit["nodes"]
    rows = list(dict.fromkeys(node["site"] for node in listed))
    places = {node["id"]: number for number, node in enumerate(listed)}
    in_row = {row: [node["id"] for node in listed if node["site"] == row] for row in rows}
    told: dict[str, list[str]] = {}
    for claim in explanation.claims:
        if claim.holds:
            told.setdefault(claim.subject, []).append(claim.says)
    facts = explanation.nodes
    ranked = sorted(listed, key=lambda node: -facts[node["id"]].follows)
    ranks = {node["id"]: rank for rank, node in enumerate(ranked, 1)}
    return {
        "task": circuit["task"],
        "basis": circuit["basis"],
        "scored": ["answers that change with it alone", "of prompts"],
        "rows": rows,
        "nodes": [
            {
                "id": node["id"],
                "kind": "node",
                "row": rows.index(node["site"]),
                "column": in_row[node["site"]].index(node["id"]) - (len(in_row[node["site"]]) - 1) / 2,
                "rank": ranks[node["id"]],
                "score": rounded(facts[node["id"]].follows),
                "label": "; ".join(told.get(node["id"], [])),
                "tokens": [token for token, _ in facts[node["id"]].tokens or []],
            }
            for node in listed
        ],
        "edges": [
            [places[edge["source"]], places[edge["target"]], rounded(edge["weight"])] for edge in circuit["edges"]
        ],
    }
