"""Artefacts of a study with known, hostile content, as the report finds them: no model, no workflow, no seconds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.claim_verdicts import ClaimVerdicts, JudgedClaim
from sparse_circuits.artefacts.edit_evaluation import EditEvaluation
from sparse_circuits.artefacts.edit_selection import EditSelection
from sparse_circuits.artefacts.interpretation import Interpretation
from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.artefacts.weight_explanation import WeightExplanation
from sparse_circuits.artefacts.weight_pruning import WeightPruning
from sparse_circuits.config.edits import Select
from sparse_circuits.report.page import Found
from sparse_circuits.report.weights import FoundWeights
from worlds.artefact_example import example

HOSTILE = "</script><img src=x onerror=alert(1)> <b>"
SITES = ("resid_post.0", "resid_post.1")
SAE = {"l0": 8.0, "fvu": 0.2, "ce_recovered": 0.9, "dead_fraction": 0.0}

# From the input event to the second frame after it: the first one has drawn what the move changed.
ANSWER = """async (moves) => {
  const slider = document.getElementById("size");
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (let move = 0; move < moves; move++) {
    slider.value = move % 2 ? slider.max : Math.ceil(slider.max * (1 + move % 5) / 8);
    const begun = performance.now();
    slider.dispatchEvent(new Event("input"));
    await frame(); await frame();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b);
}"""
# Seconds until a page is loaded and its scripts have run.
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def make_report_study(results: Path, nodes: int = 6, features: int = 64, edges: int = 8) -> Found:
    """Write the artefacts of a study of two sites under `results`, a folder of that name."""
    saes, interpretations = [], []
    for site in SITES:
        folder = results / "saes/tiny" / site / "topk"
        sae = example(SAEEvaluation, **SAE, site=site, d_sae=features)
        saes.append(write(folder / "evaluation.json", sae.plain()))
        density = np.linspace(-4, -1, features).astype(np.float32)
        save_file({"sparsity": density}, folder / "sparsity.safetensors")
        described = example(Interpretation, nodes=[_described(f"{site}/{number}") for number in range(nodes // 2)])
        interpretations.append(write(results / f"interpretations/s/{site}.json", described.plain()))
    circuit = _circuit(nodes, edges)
    folder = results / "circuits/s/<task>/features"
    path = write(folder / "circuit.json", circuit.plain())
    write(folder / "evaluation.json", _evaluation(nodes).plain())
    figure = results / "figures/s/faithfulness.png"
    for suffix in (".png", ".svg", ".csv"):
        write(figure.with_suffix(suffix), {})
    edit = write(results / "edits/s/gentle/evaluation.json", _edit().plain())
    trial = {"node": "resid_post.1/0", "taken": True, "reason": HOSTILE}
    chosen = example(EditSelection, settings=Select(kind="select"), trials=[trial])
    selection = write(results / "edits/s/gentle/selection.json", chosen.plain())
    judged = ClaimVerdicts(model="tiny", claims={"bold": JudgedClaim.model_validate(_claim())})
    claims = write(results / "claims/s.json", judged.plain())
    graph = write(results / "graphs/s/keys/graph.json", _graph().plain())
    files = [path, edit, selection, claims, graph, *saes, *interpretations]
    return Found(
        circuits=[path],
        figures=[figure],
        command="snakemake --",
        saes=saes,
        interpretations=interpretations,
        edits=[edit],
        claims=[claims],
        graphs=[graph],
        artefacts=files,
    )


def _graph() -> PromptGraph:
    """An attribution graph of ten features at one position, which take two lines, a token and a logit."""
    feature = {"position": 1, "kind": "feature", "site": SITES[0], "cumulative": 0.5, "influence": 0.1}
    token = {"position": 0, "kind": "token", "site": "embed", "token": HOSTILE, "cumulative": 0.2, "influence": 0.9}
    logit = {"position": 1, "kind": "logit", "site": "output", "token": HOSTILE, "cumulative": 1.0, "influence": 0.5}
    nodes = [
        {"id": "token@0", **token},
        *({"id": f"{SITES[0]}/{number}@1", "index": number, **feature} for number in range(10)),
        {"id": "logit/3", **logit, "probability": 0.5},
    ]
    facts = {"study": "s", "name": "keys", "prompt": f"The key {HOSTILE}", "whole": {"nodes": 1000, "edges": 2000}}
    edges = [{"source": "token@0", "target": f"{SITES[0]}/3@1", "weight": -1.0}]
    scores = {"completeness": 0.9, "replacement": 0.6}
    return example(PromptGraph, **facts, scores=scores, nodes=nodes, edges=edges)


def _described(node: str) -> dict[str, Any]:
    place = {"document": 0, "sequence": 0, "position": 1, "at": 1}
    context = {**place, "tokens": ["a", HOSTILE, " c"], "activations": [0.0, 2.0, 1.0]}
    return {
        "id": node,
        "label": f"tokens like {HOSTILE}",
        "density": 0.01,
        "activation": {"mean": 1.5, "max": 2.0},
        "rule": {"f1": 0.5},
        "promotes": [HOSTILE, " are"],
        "suppresses": ["\n"],
        "tasks": [{"task": "<task>", "position": None, "score": 1.0}],
        "top": [context],
    }


def _circuit(nodes: int, edges: int) -> ScoredCircuit:
    half = nodes // 2
    listed = [
        {"id": f"{site}/{number}", "site": site, "position": None, "score": (1 - 2 * row) * (nodes - number - row / 2)}
        for row, site in enumerate(SITES)
        for number in range(half)
    ]
    listed.append({"id": "resid_post.1/error", "site": SITES[1], "position": None, "score": 0.1})
    listed.append({"id": "logit_difference", "site": "output", "position": None, "score": -3.0})
    pairs = [(source, target) for source in range(half) for target in range(half)][:edges]
    return example(
        ScoredCircuit,
        task="<task>",
        basis="features",
        metric="logit_difference",
        method="integrated_gradients",
        nodes=listed,
        edges=[
            {"source": f"{SITES[0]}/{source}", "target": f"{SITES[1]}/{target}", "weight": 0.5 + source - target}
            for source, target in pairs
        ],
    )


def _evaluation(nodes: int) -> CircuitEvaluation:
    return example(
        CircuitEvaluation,
        task="<task>",
        basis="features",
        examples=20,
        clean=3.0,
        nodes=[1, 2, 50],
        faithfulness=[0.25, 0.5, 1.0],
        faithfulness_ci95=[[0.2, 0.3], [0.4, 0.6], [0.9, 1.1]],
        completeness=[0.9, 0.5, 0.0],
        completeness_ci95=[[0.8, 1.0], [0.4, 0.6], [-0.1, 0.1]],
        random=[0.0, 0.1, 0.2],
        accuracy={"model": 1.0, "circuit": 0.9},
        attribution={"relative_gap": 0.001},
        circuit={"nodes": nodes // 2 * 2, "faithfulness": 0.5},
        errors_alone=0.3,
        effects={f"{SITES[0]}/0": -0.625},
    )


def _edit() -> EditEvaluation:
    found = {
        "features": 1,
        "nodes": [{"node": "resid_post.1/0", "factor": 0.0, "clamp": None, "below": 44.4}],
        **{name: {"gap": gap, "perplexity": 20.0} for name, gap in (("before", 1.0), ("hooked", 0.1))},
        "permanent": {"gap": 0.2, "perplexity": 21.0},
        "baselines": {"random": {"gap": 0.9, "gap_range": [0.8, 1.0], "perplexity": 22.0}},
        "side_effects": {
            "accuracy": {"<task>": {"before": 1.0, "hooked": 0.9, "permanent": 0.9}},
            "tokens": [{"context": HOSTILE, "next": HOSTILE, "rises": HOSTILE, "falls": " he", "kl": 0.5}],
            "nodes": [{"node": "resid_post.1/2", "before": 0.0, "after": 1.0, "change": 1.0}],
        },
        "continuations": [
            {"prompt": "The key", "before": f" is {HOSTILE}", "hooked": " is old", "permanent": " is old"}
        ],
    }
    return example(EditEvaluation, **found)


def _claim() -> dict[str, Any]:
    facts = {
        "says": f"all follows {HOSTILE}",
        "task": "simple",
        "variable": "number",
        "swapped": "circuit",
        "at_least": 0.5,
    }
    return {**facts, "share": 0.7, "ci95": [0.6, 0.8], "pairs": 20, "verdict": "pass"}


def found_weights(results: Path) -> FoundWeights:
    """Write the artefacts of a study of weight-sparse transformers: a circuit of two nodes, and a task without one."""
    facts = {"study": "w", "model": "w-sparse", "basis": "weights", "metric": "task_loss"}
    ends = ["attn_in.0/1", "mlp_out.0/7"]
    nodes = [{"id": node, "site": node.partition("/")[0], "position": None} for node in ends]
    edges = [{"source": ends[0], "target": ends[1], "weight": -0.5}]
    loss = {"model": 0.01, "circuit": 0.1, "complement": 0.5, "random": 0.69}
    found = {"solved": True, "nodes": 2, "edges": 1, "task_loss": loss, "accuracy": {"circuit": 0.95}}
    claim = {"subject": ends[1], "says": "tells prompts apart", "train": 1.0, "test": 1.0, "holds": True}
    told = {node: {"follows": 0.5, "tokens": [[HOSTILE, 0.4], [" b", -0.3]]} for node in ends}
    prunings, explanations = [], []
    for task, solved in (("quote", True), ("hard", False)):
        folder = results / f"circuits/w/{task}/sparse"
        circuit = {"nodes": nodes, "edges": edges} if solved else {"nodes": [], "edges": []}
        write(folder / "circuit.json", example(WeightCircuit, **facts, task=task, **circuit).plain())
        unsolved = {"solved": False, "task_loss": {"model": 0.6}}
        pruning = example(WeightPruning, **facts, task=task, **(found if solved else unsolved))
        prunings.append(write(folder / "pruning.json", pruning.plain()))
        explained = {"nodes": told, "claims": [claim]} if solved else {"nodes": {}, "claims": []}
        explanations.append(write(folder / "explanation.json", example(WeightExplanation, **explained).plain()))
    losses = ModelLosses(held_out=3.7, tokens=1000, share=0.1, weights=500, nonzero=50)
    models = [write(results / "models/w-sparse/losses.json", losses.plain())]
    figure = results / "figures/w/frontier.png"
    for suffix in (".png", ".svg", ".csv"):
        write(figure.with_suffix(suffix), {})
    return FoundWeights(
        models=models,
        prunings=prunings,
        explanations=explanations,
        figures=[figure],
        command="snakemake --",
        artefacts=[*models, *prunings],
    )
