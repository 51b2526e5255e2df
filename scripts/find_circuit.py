"""Choose the nodes of a circuit by their scores, and weigh the edges between them."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.circuit_file import select_nodes, write_circuit
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import read_json, sha256
from sparse_circuits.interpret.tokens import token_notes
from sparse_circuits.models.load import load_tokenizer, model_card


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    task: str
    """name of the task"""
    basis: str
    """name of the kind of nodes"""
    model: Path
    """folder of the model"""
    pairs: Path
    """training pairs of the task"""
    scores: Path
    """node scores"""
    sites: list[str]
    """sites in the order of the computation"""
    node_threshold: float
    """keep nodes whose score is at least this share of the metric gap"""
    edge_threshold: float
    """keep edges whose weight is at least this share of the metric gap"""
    circuit: Path
    """JSON file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    edges: bool = True
    """whether edges are weighed"""
    edge_pairs: int = 16
    """pairs to draw, over which edges are averaged"""
    seed: int = 0
    """which pairs are drawn"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    scores, method, steps = load_scores(args.scores)
    nodes = select_nodes(scores, args.node_threshold, bool(args.saes))
    gap = scores.gap.double().mean().item()
    device = choose_device(args.compute.device)
    setup = set_up_circuits(args.model, args.pairs, args.edge_pairs, args.seed, args.saes, args.sites, device)
    # The commonest length: edges are averaged over prompts of one template.
    batch = max((group for _, group in setup.groups), key=len)
    edges = feature_edges(setup.language, batch, setup.basis, nodes, method, steps) if args.edges else []
    edges = [edge for edge in edges if abs(edge[2]) >= args.edge_threshold * abs(gap)]
    features = {site: part.sae for site, part in setup.basis.items() if isinstance(part, Features)}
    directions = {n.id: features[n.site].W_dec[n.index] for n in nodes if n.site in features and n.index is not None}
    notes = token_notes(setup.language, load_tokenizer(args.model), directions)
    card = model_card(args.model)
    facts = {
        "study": args.study,
        "task": args.task,
        "model": card["name"],
        "basis": args.basis,
        "metric": "logit_difference",
        "metric_gap": gap,
        "method": method,
        "thresholds": {"node": args.node_threshold, "edge": args.edge_threshold},
        "sha256": {
            "model": card["sha256"]["model.safetensors"],
            "task": sha256(args.pairs),
            "saes": {s: sha256(p / "sae_weights.safetensors") for s, p in zip(args.sites, args.saes, strict=False)},
        },
    }
    scored = {node: scores.mean(node) for node in nodes}
    write_circuit(args.circuit, facts, scored, notes, edges, "logit_difference")
    found = read_json(args.circuit)
    print(f"{len(found['nodes'])} nodes, {len(found['edges'])} edges")


if __name__ == "__main__":
    program(main, Arguments)
