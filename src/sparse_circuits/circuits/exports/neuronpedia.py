"""The JSON of attribution graphs that Neuronpedia and circuit-tracer's viewer open.

Fields as in Neuronpedia's schema of graphs and circuit-tracer's models of nodes; `neuronpedia.schema.json` beside this
file says the same in our words. What the viewer of circuit-tracer 0.5.0 asks for besides (util-cg.js): a logit's label
reads `Output "token" (p=0.500)`; a feature counts at less than 2/3 of the tokens, so there are two at least; a graph's
nodes have an influence of `node_threshold` at most; labels are HTML in places.
"""

import re
from pathlib import Path
from typing import Any

from sparse_circuits import __version__
from sparse_circuits.artefacts.circuit import CircuitNode, ScoredCircuit
from sparse_circuits.artefacts.prompt_graph import GraphNode, PromptGraph
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.config.site import Site

EVERYWHERE = "(all positions)"
OUTPUT = "(output)"
TAG = re.compile("<(?=[A-Za-z/!?])")  # what a browser takes for HTML
EFFECTS = {"top_logit_effects": "promotes", "bottom_logit_effects": "suppresses"}
SAME_LAYER = 10_000_000  # added to numbers of features for each further site of a layer, so that ids stay unique


def write_neuronpedia(found: ScoredCircuit | PromptGraph, folder: Path) -> list[Path]:
    """Write <slug>.json, and enter it in graph-metadata.json, the list that circuit-tracer's viewer opens."""
    graph = neuronpedia(found)
    path, listing = folder / f"{graph['metadata']['slug']}.json", folder / "graph-metadata.json"
    others = read_json(listing)["graphs"] if listing.is_file() else []
    entered = [entry for entry in others if entry["slug"] != path.stem]
    write_json(path, graph)
    write_json(listing, {"graphs": [*entered, graph["metadata"]]})
    return [path, listing]


def neuronpedia(found: ScoredCircuit | PromptGraph) -> dict[str, Any]:
    """Return a circuit or graph as Neuronpedia's JSON.

    A circuit's nodes that are summed over positions stand at the token "(all positions)", and its metric stands as the
    logit of a further token, "(output)".
    """
    metadata: dict[str, Any] = {"slug": f"{found.study}-{found.name}", "scan": found.model, "transcoder_list": []}
    sites = sorted({node.site for node in found.nodes if "." in node.site}, key=lambda s: Site.parse(s).order)
    if isinstance(found, PromptGraph):
        kind, prompt, tokens = "attribution graph", found.prompt, [_seen(token) for token in found.tokens]
        top, listed = found.num_layers, found.nodes
    else:
        kind, prompt = "circuit", f"{found.metric} on the task {found.task}"
        tokens = [*_positions(found.nodes), OUTPUT]
        top = 1 + max((Site.parse(site).layer for site in sites), default=0)
        listed = _of_a_graph(found, len(tokens))
    nodes = [_node(node, sites, top) for node in listed]
    logits = [node for node in nodes if node["feature_type"] == "logit"]
    max(logits, key=lambda node: node["token_prob"])["is_target_logit"] = True
    metadata |= {
        "prompt_tokens": tokens,
        "prompt": prompt,
        "schema_version": 1,
        "info": {
            "description": f"{kind} of {found.model}",
            "generator": {"name": "sparse-circuits", "version": __version__},
        },
    }
    if isinstance(found, PromptGraph):
        shares = found.pruning
        for node in nodes:
            node["influence"] = node["influence"] and min(node["influence"], shares.node_share)
        metadata["node_threshold"] = shares.node_share
        metadata["generation_settings"] = {
            "max_n_logits": found.logits.max,
            "desired_logit_prob": found.logits.mass,
            "max_feature_nodes": found.max_nodes,
        }
        metadata["pruning_settings"] = {"node_threshold": shares.node_share, "edge_threshold": shares.edge_share}
    ids = {node.id: drawn["node_id"] for node, drawn in zip(listed, nodes, strict=True)}
    links = [{"source": ids[e.source], "target": ids[e.target], "weight": e.weight} for e in found.edges]
    view = {"pinnedIds": [], "supernodes": [], "linkType": "both", "clickedId": "", "sg_pos": ""}
    return {"metadata": metadata, "qParams": view, "nodes": nodes, "links": links}


def _positions(nodes: list[CircuitNode]) -> list[str]:
    """A circuit's positions, as there is no one prompt."""
    last = max((node.position for node in nodes if node.position is not None), default=None)
    return [EVERYWHERE] if last is None else [str(position) for position in range(last + 1)]


def _of_a_graph(circuit: ScoredCircuit, length: int) -> list[GraphNode]:
    """The nodes of a circuit as those of a graph of `length` tokens; its metric is a logit of the last one.

    What is cumulative is the share of all |scores| that a node and those above it have.
    """
    total, so_far = sum(abs(node.score) for node in circuit.parts) or 1.0, 0.0
    shares: dict[str, float] = {}
    for node in sorted(circuit.parts, key=lambda node: -abs(node.score)):
        so_far += abs(node.score)
        shares[node.id] = so_far / total
    listed = []
    for node in circuit.nodes:
        facts = node.plain()
        influence, position = abs(facts.pop("score")), facts.pop("position") or 0
        if node.site == "output":
            facts |= {"kind": "logit", "token_id": 0, "token": node.id, "probability": 1.0}
            position = length - 1
        else:
            facts |= {"kind": "error" if "/error" in node.id else "feature"}
        facts |= {"position": position, "influence": influence, "cumulative": shares.get(node.id, 0.0)}
        listed.append(GraphNode(**facts))
    return listed


def _node(node: GraphNode, sites: list[str], top: int) -> dict[str, Any]:
    influence: float | None = node.cumulative
    if node.kind == "token":
        layer, number, kind, feature = "E", node.token_id or 0, "embedding", node.position
        label = node.token or ""
    elif node.kind == "logit":
        layer, number, kind, influence = str(top + 1), node.token_id or 0, "logit", None
        feature = number
        told = (node.token or "").replace('"', "”").replace("(p=", "( p=")
        label = f'Output "{told}" (p={node.probability or 0.0:.3f})'
    else:
        at, _, rest = node.id.rpartition("/")
        site = Site.parse(at)
        layer = str(max(site.layer, 0))
        same = [other for other in sites if Site.parse(other).layer == site.layer]
        offset = SAME_LAYER * same.index(at) if at in same else 0
        if node.kind == "error":
            number, kind = -1 - offset, "mlp reconstruction error"
            feature, label = number, f"{at}: what its features leave out"
        else:
            name = rest.partition("@")[0]
            number, kind = int(name) + offset, "cross layer transcoder"
            feature = _cantor(int(layer), number)
            told = " ".join(f"“{token}”" for token in (node.promotes or [])[:4])
            label = f"{at}/{name}: {told}" if told else f"{at}/{name}"
    short = "L" if kind == "logit" else layer
    effects = {key: getattr(node, name) for key, name in EFFECTS.items()}
    return {
        "node_id": f"{layer}_{number}_{node.position}",
        "feature": feature,
        "layer": layer,
        "ctx_idx": node.position,
        "feature_type": kind,
        "token_prob": node.probability or 0.0,
        "is_target_logit": False,
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{short}_{number}-{node.position if kind != 'cross layer transcoder' else 0}",
        "clerp": _seen(label),
        "influence": influence,
        "activation": node.activation,
        **{key: tokens for key, tokens in effects.items() if tokens is not None},
    }


def _seen(text: str) -> str:
    """Text that a browser shows also where it is put in as HTML."""
    return TAG.sub("‹", text)


def _cantor(x: int, y: int) -> int:
    """One number for two."""
    return (x + y) * (x + y + 1) // 2 + y
