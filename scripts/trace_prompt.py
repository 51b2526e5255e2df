"""Trace one prompt: the attribution graph of its next token."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.graph.graph_file import node_ids, write_graph
from sparse_circuits.circuits.graph.pruning import prune
from sparse_circuits.circuits.graph.trace import trace_prompt
from sparse_circuits.circuits.setup import set_up_basis
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, sha256
from sparse_circuits.interpret.tokens import token_notes
from sparse_circuits.models.load import load_language_model, load_tokenizer, model_card
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.texts import prompt_texts, token_texts


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    name: str
    """name of the graph"""
    prompt: str
    """text whose next token is traced"""
    model: Path
    """folder of the model"""
    sites: list[str]
    """sites in the order of the computation"""
    saes: list[Path]
    """folder of each site's autoencoder"""
    logit_mass: float
    """trace the most probable tokens that together have this probability"""
    max_logits: int
    """but at most so many"""
    max_nodes: int
    """features that get a row, by falling influence"""
    node_share: float
    """keep the nodes that make up this share of all influence"""
    edge_share: float
    """keep the edges that make up this share of all influence"""
    graph: Path
    """JSON file to write"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    tokenizer, card = load_tokenizer(args.model), model_card(args.model)
    try:
        tokens = prompt_tokens(args.prompt, tokenizer, card["document_separator_id"])
    except StudyError as error:
        raise StudyError(f"graphs.{args.name}: {error}") from None
    if len(tokens) < 2:
        raise StudyError(f"graphs.{args.name}: the prompt has no tokens; give a text")
    language = load_language_model(args.model, choose_device(args.compute.device))
    basis = set_up_basis(language, args.saes, args.sites)
    features = {site: part for site, part in basis.items() if isinstance(part, Features)}
    traced = trace_prompt(language, torch.tensor([tokens]), features, args.logit_mass, args.max_logits, args.max_nodes)
    pruned = prune(traced, args.node_share, args.edge_share)
    shown = [(name, n) for n, name in enumerate(node_ids(traced)) if pruned.kept[n] and traced.is_feature[n]]
    directions = {name: features[(node := traced.node(n)).site].sae.W_dec[node.index] for name, n in shown}
    facts = {
        "study": args.study,
        "name": args.name,
        "prompt": args.prompt,
        "model": card["name"],
        "num_layers": card["num_layers"],
        "logits": {"mass": args.logit_mass, "max": args.max_logits},
        "max_nodes": args.max_nodes,
        "pruning": {"node_share": args.node_share, "edge_share": args.edge_share},
        "sha256": {
            "model": card["sha256"]["model.safetensors"],
            "saes": {s: sha256(p / "sae_weights.safetensors") for s, p in zip(args.sites, args.saes, strict=True)},
        },
    }
    texts = prompt_texts(tokenizer, tokens)
    outputs = token_texts(tokenizer, traced.indices[traced.is_logit].tolist())
    write_graph(args.graph, traced, pruned, facts, texts, outputs, token_notes(language, tokenizer, directions))
    found = read_json(args.graph)
    print(f"{len(found['nodes'])} nodes, {len(found['edges'])} edges, {found['scores']}")


if __name__ == "__main__":
    program(main, Arguments)
