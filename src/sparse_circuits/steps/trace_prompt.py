from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.artefacts.prompt_graph import GraphHashes, PromptGraph, PruningShares, TracedLogits
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder
from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.dictionaries import load_basis, sae_hashes
from sparse_circuits.circuits.graph.graph_file import node_ids, shown_graph
from sparse_circuits.circuits.graph.pruning import prune
from sparse_circuits.circuits.graph.trace import trace_prompt
from sparse_circuits.circuits.promoted import token_notes
from sparse_circuits.config.trace_prompt import TracePrompt
from sparse_circuits.models.load import load_model, load_tokenizer, model_card
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.texts import prompt_texts, token_texts


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    saes: list[Folder]  # folder of each site's autoencoder
    graph: Path  # JSON file to write


def step(files: Files, settings: TracePrompt, compute: Compute) -> None:
    """Trace one prompt: the attribution graph of its next token."""
    tokenizer, card = load_tokenizer(files.model), model_card(files.model)
    try:
        tokens = prompt_tokens(settings.prompt, tokenizer, card["document_separator_id"])
    except StudyError as error:
        raise StudyError(f"graphs.{settings.name}: {error}") from None
    if len(tokens) < 2:
        raise StudyError(f"graphs.{settings.name}: the prompt has no tokens; give a text")
    model = load_model(files.model, compute.start())
    basis = load_basis(model, files.saes, settings.sites)
    features = {site: part for site, part in basis.items() if isinstance(part, Features)}
    traced = trace_prompt(
        model, torch.tensor([tokens]), features, settings.logit_mass, settings.max_logits, settings.max_nodes
    )
    pruned = prune(traced, settings.node_share, settings.edge_share)
    shown = [(name, n) for n, name in enumerate(node_ids(traced)) if pruned.kept[n] and traced.is_feature[n]]
    directions = {name: features[(node := traced.node(n)).site].sae.W_dec[node.index] for name, n in shown}
    texts = prompt_texts(tokenizer, tokens)
    outputs = token_texts(tokenizer, traced.indices[traced.is_logit].tolist())
    graph = PromptGraph(
        study=settings.study,
        name=settings.name,
        prompt=settings.prompt,
        model=card["name"],
        num_layers=card["num_layers"],
        logits=TracedLogits(mass=settings.logit_mass, max=settings.max_logits),
        max_nodes=settings.max_nodes,
        pruning=PruningShares(node_share=settings.node_share, edge_share=settings.edge_share),
        sha256=GraphHashes(model=card["sha256"]["model.safetensors"], saes=sae_hashes(settings.sites, files.saes)),
        **shown_graph(traced, pruned, texts, outputs, token_notes(model, directions)).plain(),
    )
    graph.write(files.graph)
    print(f"{len(graph.nodes)} nodes, {len(graph.edges)} edges, {graph.scores.plain()}")
