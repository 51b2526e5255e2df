"""How well each attribution method agrees with exact patching, what circuits it finds, and what it costs.

On tasks of the default study and the autoencoders it has trained. Scores come from training pairs, faithfulness from
test pairs, as in the workflow.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from tqdm import tqdm

from common import Claim, Table, now, publish_findings, seconds_of
from finished import Finished
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.machine import cores
from sparse_circuits.circuits.attribution.exact_patching import ERROR, exact_effects
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import site_sums
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.command import program
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.run import run
from sparse_circuits.tasks.metric import logit_difference

BUDGET = 2048  # tokens a pass
GAP = 0.01


@dataclass(frozen=True)
class Arguments:
    study: Finished = field(default_factory=Finished)
    tasks: list[str] = field(default_factory=lambda: ["simple", "nounpp", "rc", "within_rc"])
    """agreement tasks"""
    sizes: list[int] = field(default_factory=lambda: [10, 30, 100, 300])
    """nodes of the circuits"""
    pairs: int = 32
    """pairs that score, and pairs that judge"""
    exact_pairs: int = 8
    """pairs on which nodes are patched one by one"""
    best: int = 60
    """nodes a site that are patched: so many of the best, and a third as many spread over the ranks that follow"""
    steps: list[int] = field(default_factory=lambda: [2, 5, 10, 20, 40])
    """points of integrated gradients to try"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where it is present"""
    threads: int = field(default_factory=cores)
    """CPU threads of matrix products"""


def main(args: Arguments) -> None:
    set_up(args.threads)
    device = choose_device(args.device)
    agreement: list[list[str | float]] = []
    kept: list[list[str | float]] = []
    seconds: list[list[str | float]] = []
    gaps: dict[tuple[str, int], list[float]] = {}
    correlations: dict[str, list[float]] = {}
    for task in tqdm(args.tasks, unit="task", disable=None):
        train, test, few = (
            args.study.set_up(f"{task}/{split}", pairs, device)
            for split, pairs in (("train", args.pairs), ("test", args.pairs), ("train", args.exact_pairs))
        )
        _forward_and_backward(train)  # to warm up
        unit = seconds_of(partial(_forward_and_backward, train), device)
        found: dict[str, NodeScores] = {}
        for method in METHODS:
            begin = now(device)
            found[method] = score_nodes(
                Bench(train.model, train.groups, train.basis, batch_tokens=BUDGET), Scoring.of(method, 10)
            )
            seconds.append([task, method, round((now(device) - begin) / unit, 2)])
        for method, values in _correlations(few, args.best).items():
            correlations.setdefault(method, []).extend(values.values())
            agreement.append([task, method, *(round(value, 3) for value in values.values())])
        for method, scores in found.items():
            kept.append([task, method, *(round(v, 3) for v in _faithfulness(test, scores, args.sizes))])
        for steps in args.steps:
            scores = score_nodes(
                Bench(few.model, few.groups, few.basis, batch_tokens=BUDGET), Scoring.of("integrated_gradients", steps)
            )
            gaps[task, steps] = [round(100 * gap.relative_gap, 2) for gap in site_sums(scores).values()]
    best = {
        site: min(max(gaps[task, steps][n] for task in args.tasks) for steps in args.steps)
        for n, site in enumerate(args.study.sites)
    }
    claims = [
        Claim(
            f"scores over {site} miss the total effect, with as many steps as it needs, worst task",
            value / 100,
            "of it",
            GAP,
            True,
        )
        for site, value in best.items()
    ]
    median: list[list[str | float]] = [
        [method, round(min(values), 3), round(float(torch.tensor(values).median()), 3)]
        for method, values in correlations.items()
    ]
    publish_findings(
        "attribution",
        device,
        claims,
        [
            Table(
                f"Correlation with exact patching, {args.exact_pairs} pairs, all tasks and sites",
                ["method", "smallest", "median"],
                median,
            ),
            Table("Correlation with exact patching by site", ["task", "method", *args.study.sites], agreement),
            Table(
                f"Faithfulness on {args.pairs} test pairs, by number of nodes",
                ["task", "method", *map(str, args.sizes)],
                kept,
            ),
            Table(
                "Time of scoring, in units of one forward and backward pass of the same pairs",
                ["task", "method", "passes"],
                seconds,
            ),
            Table(
                "Integrated gradients: how far the scores over a cut miss the total effect, in %, by steps",
                ["task", "steps", *args.study.sites],
                [[task, str(steps), *found_gaps] for (task, steps), found_gaps in gaps.items()],
            ),
        ],
    )


def _forward_and_backward(setup: Bench) -> None:
    """One pass of every pair's clean prompt, and back to the embeddings, in batches as scoring has them."""
    for _, whole in setup.groups:
        for part in whole.split(max(1, BUDGET // whole.clean.shape[1])):
            edit = {Site("embed"): lambda x: x.requires_grad_()}
            got = run(setup.model, part.clean, read=[Site("embed")], edit=edit, logits="last")
            torch.autograd.grad(logit_difference(got.logits[:, -1], part).sum(), got.activations[Site("embed")])


def _correlations(setup: Bench, best: int) -> dict[str, dict[Site, float]]:
    """Correlation, over nodes of each site, of each method's mean score with the mean effect of patching the node."""
    _, batch = max(setup.groups, key=lambda group: len(group[0]))
    group = [(list(range(len(batch))), batch)]
    scores = {
        m: score_nodes(Bench(setup.model, group, setup.basis, batch_tokens=BUDGET), Scoring.of(m, 10)) for m in METHODS
    }
    result: dict[str, dict[Site, float]] = {method: {} for method in METHODS}
    for site, dictionary in setup.basis.items():
        means = {m: part.sites[site].nodes[:, 0].mean(dim=0) for m, part in scores.items()}
        order = sum((v.abs() / v.abs().sum() for v in means.values()), torch.zeros(())).argsort(descending=True)
        nodes = order[:best].tolist() + order[best : 7 * best : 17].tolist()
        effects = exact_effects(setup.model, batch, site, dictionary, [*nodes, ERROR], BUDGET).mean(dim=0)
        for method, values in means.items():
            estimates = torch.cat([values[nodes], scores[method].sites[site].error.mean().view(1)])
            result[method][site] = _correlation(estimates, effects)
    return result


def _correlation(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack([a, b]))[0, 1].item()


def _faithfulness(setup: Bench, scores: NodeScores, sizes: list[int]) -> list[float]:
    ranked = scores.ranked()
    judge = Bench(setup.model, setup.groups, setup.basis, batch_tokens=BUDGET).with_means(scores)
    return judge.faithfulness([ranked[:size] for size in sizes])


if __name__ == "__main__":
    program(main)
