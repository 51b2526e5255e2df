"""The JSON of attribution graphs that Neuronpedia and circuit-tracer's viewer open.

Fields as in Neuronpedia's schema of graphs and circuit-tracer's models of nodes; `neuronpedia.schema.json` beside this
file says the same in our words. What the viewer of circuit-tracer 0.5.0 asks for besides (util-cg.js): a logit's label
reads `Output "token" (p=0.500)`; a feature counts at less than 2/3 of the tokens, so there are two at least; a graph's
nodes have an influence of `node_threshold` at most; labels are HTML in places.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sparse_circuits import __version__
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.config.site import Site

EVERYWHERE = "(all positions)"
OUTPUT = "(output)"
TAG = re.compile("<(?=[A-Za-z/!?])")  # what a browser takes for HTML
EFFECTS = {"top_logit_effects": "promotes", "bottom_logit_effects": "suppresses"}
SAME_LAYER = 10_000_000  # added to numbers of features for each further site of a layer, so that ids stay unique


def write_neuronpedia(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write <slug>.json, and enter it in graph-metadata.json, the list that circuit-tracer's viewer opens."""
    graph = neuronpedia(found)
    path, listing = folder / f"{graph['metadata']['slug']}.json", folder / "graph-metadata.json"
    others = read_json(listing)["graphs"] if listing.is_file() else []
    entered = [entry for entry in others if entry["slug"] != path.stem]
    write_json(path, graph)
    write_json(listing, {"graphs": [*entered, graph["metadata"]]})
    return [path, listing]


def neuronpedia(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a circuit or graph as Neuronpedia's JSON.

    A circuit's nodes that are summed over positions stand at the token "(all positions)", and its metric stands as the
    logit of a further token, "(output)".
    """
    is_graph = "tokens" in found
    sites = sorted({node["site"] for node in found["nodes"] if "." in node["site"]}, key=lambda s: Site.parse(s).order)
    top = found.get("num_layers", 1 + max((Site.parse(site).layer for site in sites), default=0))
    tokens = [_seen(token) for token in found["tokens"]] if is_graph else [*_positions(found["nodes"]), OUTPUT]
    cumulative = _cumulative(found["nodes"])
    nodes = [_node(node, sites, top, len(tokens), cumulative[node["id"]]) for node in found["nodes"]]
    ids = {node["id"]: drawn["node_id"] for node, drawn in zip(found["nodes"], nodes, strict=True)}
    logits = [node for node in nodes if node["feature_type"] == "logit"]
    max(logits, key=lambda node: node["token_prob"])["is_target_logit"] = True
    slug = found["name"] if is_graph else f"{found['task']}-{found['basis']}"
    metadata: dict[str, Any] = {
        "slug": f"{found['study']}-{slug}",
        "scan": found["model"],
        "transcoder_list": [],
        "prompt_tokens": tokens,
        "prompt": found["prompt"] if is_graph else f"{found['metric']} on the task {found['task']}",
        "schema_version": 1,
        "info": {
            "description": f"{'attribution graph' if is_graph else 'circuit'} of {found['model']}",
            "generator": {"name": "sparse-circuits", "version": __version__},
        },
    }
    if is_graph:
        pruning = found["pruning"]
        for node in nodes:
            node["influence"] = node["influence"] and min(node["influence"], pruning["node_share"])
        metadata["node_threshold"] = pruning["node_share"]
        metadata["generation_settings"] = {
            "max_n_logits": found["logits"]["max"],
            "desired_logit_prob": found["logits"]["mass"],
            "max_feature_nodes": found["max_nodes"],
        }
        metadata["pruning_settings"] = {
            "node_threshold": pruning["node_share"],
            "edge_threshold": pruning["edge_share"],
        }
    links = [{"source": ids[e["source"]], "target": ids[e["target"]], "weight": e["weight"]} for e in found["edges"]]
    view = {"pinnedIds": [], "supernodes": [], "linkType": "both", "clickedId": "", "sg_pos": ""}
    return {"metadata": metadata, "qParams": view, "nodes": nodes, "links": links}


def _positions(nodes: list[dict[str, Any]]) -> list[str]:
    """A circuit's positions, as there is no one prompt."""
    last = max((node["position"] for node in nodes if node["position"] is not None), default=None)
    return [EVERYWHERE] if last is None else [str(position) for position in range(last + 1)]


def _cumulative(nodes: list[dict[str, Any]]) -> dict[str, float]:
    """The share of all influence that a node and those above it have; of a circuit, of absolute scores."""
    if all("cumulative" in node for node in nodes):
        return {node["id"]: node["cumulative"] for node in nodes}
    inner = [node for node in nodes if node["site"] != "output"]
    total, so_far, found = sum(abs(node["score"]) for node in inner) or 1.0, 0.0, {}
    for node in sorted(inner, key=lambda node: -abs(node["score"])):
        so_far += abs(node["score"])
        found[node["id"]] = so_far / total
    return {node["id"]: found.get(node["id"], 0.0) for node in nodes}


def _node(node: dict[str, Any], sites: list[str], top: int, length: int, cumulative: float) -> dict[str, Any]:
    position = length - 1 if node["site"] == "output" and node["position"] is None else node["position"] or 0
    influence: float | None = cumulative
    probability = node.get("probability", float(node["site"] == "output"))
    if node["site"] == "embed" and "token_id" in node:
        layer, number, kind, feature = "E", node["token_id"], "embedding", position
        label = node["token"]
    elif node["site"] == "output":
        layer, number, kind, influence = str(top + 1), node.get("token_id", 0), "logit", None
        feature = number
        told = node.get("token", node["id"]).replace('"', "”").replace("(p=", "( p=")
        label = f'Output "{told}" (p={probability:.3f})'
    else:
        at, _, rest = node["id"].rpartition("/")
        name = rest.partition("@")[0]
        site = Site.parse(at)
        layer = str(max(site.layer, 0))
        same = [other for other in sites if Site.parse(other).layer == site.layer]
        offset = SAME_LAYER * same.index(at) if at in same else 0
        if name == "error":
            number, kind = -1 - offset, "mlp reconstruction error"
            feature, label = number, f"{at}: what its features leave out"
        else:
            number, kind = int(name) + offset, "cross layer transcoder"
            feature = _cantor(int(layer), number)
            told = node.get("label") or " ".join(f"“{token}”" for token in node.get("promotes", [])[:4])
            label = f"{at}/{name}: {told}" if told else f"{at}/{name}"
    short = "L" if kind == "logit" else layer
    return {
        "node_id": f"{layer}_{number}_{position}",
        "feature": feature,
        "layer": layer,
        "ctx_idx": position,
        "feature_type": kind,
        "token_prob": probability,
        "is_target_logit": False,
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{short}_{number}-{position if kind != 'cross layer transcoder' else 0}",
        "clerp": _seen(label),
        "influence": influence,
        "activation": node.get("activation"),
        **{key: node[name] for key, name in EFFECTS.items() if name in node},
    }


def _seen(text: str) -> str:
    """Text that a browser shows also where it is put in as HTML."""
    return TAG.sub("‹", text)


def _cantor(x: int, y: int) -> int:
    """One number for two."""
    return (x + y) * (x + y + 1) // 2 + y
