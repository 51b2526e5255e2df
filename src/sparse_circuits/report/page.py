"""The static pages of a study: one folder that opens from disk and stands on any web host."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.artefacts.claim_verdicts import ClaimVerdicts
from sparse_circuits.artefacts.edit_evaluation import EditEvaluation
from sparse_circuits.artefacts.edit_selection import EditSelection
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.artefacts.study_summary import StudySummary
from sparse_circuits.report.circuit_graph import circuit_graph, prompt_graph
from sparse_circuits.report.contents import circuit_data, circuit_page, graph_data, graph_page, sae_data
from sparse_circuits.report.features import sae_features
from sparse_circuits.report.nodes import read_notes
from sparse_circuits.report.remarks import WANTED, remarks
from sparse_circuits.report.static import StaticPages
from sparse_circuits.report.summary import summarise


@dataclass(frozen=True, kw_only=True)
class Found:
    """The files that a study's page shows; each list in the order of the page."""

    circuits: Sequence[Path]  # circuit.json of each circuit, beside its evaluation.json
    figures: Sequence[Path]  # PNG files of the figures, with SVG and CSV beside them
    command: str  # how Snakemake is called for the study; pages add the path of an artefact
    saes: Sequence[Path] = ()  # evaluation.json of each autoencoder, beside its other files
    interpretations: Sequence[Path] = ()  # what nodes do: <site>.json, then <site>.labels.json
    edits: Sequence[Path] = ()  # evaluation.json of each edit
    claims: Sequence[Path] = ()  # verdicts on the study's claims
    graphs: Sequence[Path] = ()  # attribution graphs of prompts
    images: Path | None = None  # HDF5 file of the corpus, of a study of images
    artefacts: Sequence[Path] = ()
    """files to list with their hashes; proofs and selections are shown when they are among them"""


def write_pages(found: Found, study: str, headline_task: str, folder: Path) -> StudySummary:
    """Publish the pages of a study in `folder`, with all that they load, and return the study's main numbers.

    The numbers of `headline_task` stand first.
    """
    circuits = [ScoredCircuit.read(path) for path in found.circuits]
    evaluations = [CircuitEvaluation.read(path.with_name("evaluation.json")) for path in found.circuits]
    proofs = [path.with_name("proof.json") for path in found.circuits]
    saes = [SAEEvaluation.read(path) for path in found.saes]
    summary = summarise(study, headline_task, saes, evaluations)
    notes = read_notes(circuits, found.interpretations, found.images)
    graphs = [PromptGraph.read(path) for path in found.graphs]
    pages: dict[str, str | Mapping[str, str]] = {
        "index.html": "Overview",
        "Circuits": {circuit_page(one.task, one.basis): f"{one.task}, {one.basis}" for one in circuits},
        **({"Prompts": {graph_page(graph.name): f"“{graph.prompt}”" for graph in graphs}} if graphs else {}),
        **({"saes.html": "Autoencoders"} if found.saes else {}),
        **({"edits.html": "Edits"} if found.edits else {}),
        **({"claims.html": "Claims"} if found.claims else {}),
        "provenance.html": "Provenance",
    }
    site = StaticPages(study, pages, folder)

    figures = site.figures(found.figures)
    site.write("index.html", "overview.html.j2", summary=summary, wanted=WANTED, figures=figures)
    for circuit, evaluation, proof in zip(circuits, evaluations, proofs, strict=True):
        name = (circuit.task, circuit.basis)
        drawn = circuit_graph(circuit, evaluation, notes)
        site.data(circuit_data(*name), "circuit", drawn)
        site.write(
            circuit_page(*name),
            "circuit.html.j2",
            data=circuit_data(*name),
            graph=drawn,
            remarks=remarks(evaluation),
            circuit=circuit,
            evaluation=evaluation,
            proof=CircuitProof.read(proof) if proof in found.artefacts else None,
        )
    for graph in graphs:
        site.data(graph_data(graph.name), "circuit", prompt_graph(graph, notes))
        site.write(graph_page(graph.name), "prompt_graph.html.j2", data=graph_data(graph.name), graph=graph)
    listed = [(path.parent.parent.name, path.parent.name) for path in found.saes]
    for path, sae in zip(found.saes, listed, strict=True):
        site.data(sae_data(*sae), "sae", sae_features(path.parent, notes))
    if found.saes:
        site.write("saes.html", "saes.html.j2", saes=[(*sae, sae_data(*sae)) for sae in listed], rows=summary.saes)
    if found.edits:
        site.write("edits.html", "edits.html.j2", edits=[_edit(path, found.artefacts) for path in found.edits])
    for path in found.claims:
        site.write("claims.html", "claims.html.j2", claims=ClaimVerdicts.read(path).claims)
    site.finish(found.artefacts, found.command, summary)
    return summary


def _edit(path: Path, artefacts: Sequence[Path]) -> dict[str, object]:
    """What the page shows of an edit: numbers by variant, why features were chosen, side effects, and texts cut where
    they part."""
    edit = EditEvaluation.read(path)
    selection = path.with_name("selection.json")
    texts = []
    for item in edit.continuations:
        versions = {name: text for name, text in item.items() if name != "prompt"}
        texts.append({"prompt": item["prompt"], "versions": _parted(versions)})
    return {
        "name": path.parent.name,
        "found": edit,
        "metrics": [name for name, value in edit.before.items() if isinstance(value, float)],
        "trials": EditSelection.read(selection).trials if selection in artefacts else [],
        "texts": texts,
    }


def _parted(versions: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Cut texts where they begin to differ from the first: (the same, the rest)."""
    first = next(iter(versions.values()))
    result = {}
    for name, text in versions.items():
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, text, strict=False)))
        result[name] = (text[:same], text[same:])
    return result
