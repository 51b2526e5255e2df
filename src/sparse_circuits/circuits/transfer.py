"""Transfer: are nodes found on templates necessary and sufficient in natural sentences?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from sparse_circuits.artefacts.transfer import JudgedNodes, JudgedTransfer
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.statistics import interval95, resamples
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.faithfulness import faithfulness
from sparse_circuits.circuits.fills import mean_ablation, resample_ablation
from sparse_circuits.circuits.matched_random import matched_random
from sparse_circuits.circuits.scores import NodeScores, SiteMeans
from sparse_circuits.config.judge_transfer import JudgeTransfer
from sparse_circuits.config.site import Site


def union_ranking(tasks: Sequence[NodeScores]) -> list[Node]:
    """Return the nodes that help in any task, by their largest share over tasks: mean score / mean total effect.

    The largest share, not the mean over tasks: natural sentences are of all templates' constructions, and a mean passes
    over what serves one of them alone (measured in `docs/experiments/transfer.md`).
    """
    shares = torch.stack([task.mean_scores / task.total_effect.double().mean() for task in tasks])
    share = shares.max(dim=0).values
    order = torch.argsort(share, descending=True, stable=True)
    return tasks[0].nodes_at(order[: int((share > 0).sum())])


def shared_means(tasks: Sequence[NodeScores]) -> dict[Site, SiteMeans]:
    """Return the mean over tasks of their means, at each distance over the tasks whose prompts reach it."""
    found = {}
    for site in tasks[0].means:
        means = [task.means[site] for task in tasks]
        found[site] = SiteMeans(_mean_of([m.coordinates for m in means]), _mean_of([m.error for m in means]))
    return found


def _mean_of(parts: Sequence[Tensor]) -> Tensor:
    longest = max(map(len, parts))
    return torch.stack([torch.stack([p[d] for p in parts if d < len(p)]).mean(dim=0) for d in range(longest)])


def judge_transfer(
    bench: Bench, tasks: Sequence[NodeScores], fit: NodeScores, settings: JudgeTransfer
) -> list[JudgedTransfer]:
    """Judge the best nodes of the templates, and of other sentences (`fit`), on the sentences of a bench.

    Each is judged with every fill: the templates' means, the sentences' means, and another sentence's own values.
    Raises StudyError when the model gets none of the sentences right.
    """
    rankings = {"templates": union_ranking(tasks), "sentences": union_ranking([fit])}
    ablations = {
        "template means": mean_ablation(shared_means(tasks)),
        "sentence means": mean_ablation(fit.means),
        "other sentence": resample_ablation,
    }
    # Rivals are drawn from all that speaks in sentences, as many at each site as the circuit has there.
    speaking = fit.ranked()
    found = []
    for origin, ranked in rankings.items():
        nodes = ranked[: settings.nodes]
        generator = torch.Generator().manual_seed(settings.seed)
        rivals = [matched_random(nodes, speaking, generator) for _ in range(settings.random_circuits)]
        for name, ablation in ablations.items():
            judged = judge_nodes(replace(bench, ablation=ablation), nodes, rivals, settings.seed)
            found.append(JudgedTransfer(nodes_from=origin, fill=name, nodes=len(nodes), **judged.plain()))
    return found


def judge_nodes(bench: Bench, nodes: Sequence[Node], rivals: Sequence[Sequence[Node]], seed: int) -> JudgedNodes:
    """Return how necessary and how sufficient nodes are for the metric on the clean prompts of a bench.

    With m the mean metric, M the model, C the nodes and 0 the model with everything ablated: necessity
    1 - m(M \\ C) / m(M), where errors stay; sufficiency (m(C) - m(0)) / (m(M) - m(0)), with error nodes kept in C and
    without. `errors_alone` is the share that errors keep without any node; `random_necessity` that of each rival. With
    95 % bootstrap intervals over prompts, and again over the prompts that the model itself gets right.
    """
    circuits = {
        "model": bench.whole,
        "nothing": bench.empty,
        "errors": bench.circuit([]),
        "circuit": bench.circuit(nodes),
        "bare": bench.circuit(nodes, errors=False),
        "rest": _without(nodes, bench),
        **{f"rival {n}": _without(rival, bench) for n, rival in enumerate(rivals)},
    }
    metric = dict(zip(circuits, bench.run(list(circuits.values())).metric.double(), strict=True))
    right = metric["model"] > 0
    if not right.any():
        raise StudyError("the model gets none of the sentences right: there is nothing to judge")
    accuracy = {name: (metric[name] > 0).double().mean().item() for name in ("model", "circuit", "rest", "nothing")}
    shares = _shares(metric)
    draws = resamples(len(right), seed)
    drawn = _shares({name: values[draws] for name, values in metric.items()})
    found = {
        "examples": len(right),
        "metric": {name: metric[name].mean().item() for name in ("model", "nothing", "circuit", "rest")},
        "accuracy": accuracy,
        **{name: value.item() for name, value in shares.items()},
        **{f"{name}_ci95": interval95(values).tolist() for name, values in drawn.items()},
        "random_necessity": [
            (1 - metric[f"rival {n}"].mean() / metric["model"].mean()).item() for n in range(len(rivals))
        ],
        "right_only": {
            name: value.item() for name, value in _shares({name: m[right] for name, m in metric.items()}).items()
        },
    }
    return JudgedNodes.model_validate(found)


def _without(nodes: Sequence[Node], bench: Bench) -> Circuit:
    return bench.circuit(nodes, errors=False).complement()


def _shares(metric: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Shares of the metric (..., prompt), of means over the last axis."""
    mean = {name: values.mean(dim=-1) for name, values in metric.items()}
    share = partial(faithfulness, empty=mean["nothing"], model=mean["model"])
    return {
        "necessity": 1 - mean["rest"] / mean["model"],
        "sufficiency": share(mean["circuit"]),
        "sufficiency_without_errors": share(mean["bare"]),
        "errors_alone": share(mean["errors"]),
    }
