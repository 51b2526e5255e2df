"""Choose the nodes of a circuit by their scores, and weigh the edges between them."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import read_json, sha256
from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.bench import BenchFiles
from sparse_circuits.circuits.circuit_file import select_nodes, write_circuit
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.interpret.tokens import token_notes
from sparse_circuits.models.load import load_tokenizer, model_card


@dataclass(frozen=True, kw_only=True)
class Files(BenchFiles):
    """What is read and written."""

    scores: Path
    """node scores"""
    circuit: Path
    """JSON file to write"""


def step(files: Files, settings: FindCircuit, compute: Compute) -> None:
    """Choose the nodes of a circuit by their scores, and weigh the edges between them."""
    scores, method, steps = load_scores(files.scores)
    nodes = select_nodes(scores, settings.node_threshold, bool(files.saes))
    gap = scores.gap.double().mean().item()
    drawn = settings.edge_pairs, settings.seed
    bench = files.bench(settings.sites, compute.start(), *drawn)
    # The commonest length: edges are averaged over prompts of one template.
    batch = max((group for _, group in bench.groups), key=len)
    edges = feature_edges(bench.model, batch, bench.basis, nodes, method, steps) if settings.edges else []
    edges = [edge for edge in edges if abs(edge[2]) >= settings.edge_threshold * abs(gap)]
    features = {site: part.sae for site, part in bench.basis.items() if isinstance(part, Features)}
    directions = {n.id: features[n.site].W_dec[n.index] for n in nodes if n.site in features and n.index is not None}
    notes = token_notes(bench.model, load_tokenizer(files.model), directions)
    card = model_card(files.model)
    facts = {
        "study": settings.study,
        "task": settings.task,
        "model": card["name"],
        "basis": settings.basis,
        "metric": "logit_difference",
        "metric_gap": gap,
        "method": method,
        "thresholds": {"node": settings.node_threshold, "edge": settings.edge_threshold},
        "sha256": {
            "model": card["sha256"]["model.safetensors"],
            "task": sha256(files.pairs),
            "saes": {
                s: sha256(p / "sae_weights.safetensors") for s, p in zip(settings.sites, files.saes, strict=False)
            },
        },
    }
    scored = {node: scores.mean(node) for node in nodes}
    write_circuit(files.circuit, facts, scored, notes, edges, "logit_difference")
    found = read_json(files.circuit)
    print(f"{len(found['nodes'])} nodes, {len(found['edges'])} edges")
