"""What makes nodes of templates sufficient in natural sentences: one change at a time, from the results of a study.

The first row is the one to compare with: the 100 best nodes of the templates, all sites ablated to their means over the
sentences to fit on. docs/experiments/transfer.md tells what the rows say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import torch
from tqdm import tqdm

from common import Claim, Table, publish_findings
from finished import Finished
from sparse_circuits.artefacts.transfer import TransferEvaluation
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.machine import cores
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Basis, Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.fills import Ablation, Fill, mean_ablation, resample_ablation
from sparse_circuits.circuits.scores import NodeScores, load_scores
from sparse_circuits.circuits.transfer import judge_nodes, shared_means, union_ranking
from sparse_circuits.command import program
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import PairBatch, encode_pairs

SIZES = (10, 30, 300, 1000)
BEST = 100
SHOWN = ("sufficiency", "sufficiency_without_errors", "necessity", "errors_alone")
TASKS = ("simple", "nounpp", "rc", "within_rc")


@dataclass(frozen=True)
class Row:
    """One way to judge: which nodes, over which basis, with what in the place of the others."""

    name: str
    nodes: Sequence[Node]
    basis: Basis
    ablation: Ablation


@dataclass(frozen=True)
class Arguments:
    study: Finished = field(default_factory=Finished)
    limit: int | None = None
    """judge by the first so many sentences"""
    only: str = ""
    """only rows whose name contains this"""
    threads: int = field(default_factory=cores)
    """CPU threads"""


def main(args: Arguments) -> None:
    set_up(args.threads)
    device = choose_device("auto")
    circuits = args.study.circuits
    setup = args.study.set_up("natural/judge", args.limit, device)
    model = setup.model
    fit = load_scores(circuits / "natural_sentences.h5")
    tasks = [load_scores(circuits / task / "features/scores.h5") for task in TASKS]
    sentences = read_pairs(args.study.results / "tasks/natural/fit.jsonl")
    fit_groups = encode_pairs(sentences, model.tokenizer, model.separator_id)
    found = []
    for row in (row for row in rows(model, setup.basis, fit, tasks, fit_groups) if args.only in row.name):
        judged = judge_nodes(Bench(model, setup.groups, row.basis, row.ablation, batch_tokens=2048), row.nodes, [], 0)
        tqdm.write(row.name)
        found.append([row.name, str(len(row.nodes)), *(round(getattr(judged, key), 3) for key in SHOWN)])
    title = f"One change at a time, {sum(len(indices) for indices, _ in setup.groups)} sentences"
    publish_findings("transfer", device, claims(circuits), [Table(title, ["change", "nodes", *SHOWN], found)])


def claims(circuits: Path) -> list[Claim]:
    """What the study's own judgement (`snakemake transfer`) says of the nodes of the templates."""
    judged = next(
        row
        for row in TransferEvaluation.read(circuits / "transfer.json").judged
        if (row.nodes_from, row.fill) == ("templates", "sentence means")
    )
    name = f"{judged.nodes} nodes of the templates in {judged.examples} natural sentences"
    return [
        Claim(f"{name}: necessity", judged.necessity, "of the metric", 0.7),
        Claim(
            f"{name}: necessity of as many random nodes, mean",
            fmean(judged.random_necessity),
            "of the metric",
            0.05,
            True,
        ),
        Claim(f"{name}: sufficiency", judged.sufficiency, "of the metric", 0.5),
    ]


def rows(
    model: Model, basis: Basis, fit: NodeScores, tasks: list[NodeScores], groups: list[tuple[list[int], PairBatch]]
) -> Iterator[Row]:
    """Yield what is compared, one change at a time."""
    templates, natural = union_ranking(tasks), union_ranking([fit])
    best, means = templates[:BEST], mean_ablation(fit.means)
    yield Row("sentence means", best, basis, means)
    yield Row("template means", best, basis, mean_ablation(shared_means(tasks)))
    yield Row("another sentence", best, basis, resample_ablation)
    yield Row("means of all positions together", best, basis, everywhere_alike(fit))
    for size in SIZES:
        yield Row(f"the {size} best of the templates", templates[:size], basis, means)
    for size in (BEST, *SIZES):
        yield Row(f"the {size} best of the sentences", natural[:size], basis, means)
    yield Row("by mean share over the templates", by_mean_share(tasks)[:BEST], basis, means)
    for task, scores in zip(TASKS, tasks, strict=True):
        yield Row(f"nodes of {task} alone", union_ranking([scores])[:BEST], basis, means)
    for last in (1, 2, 4):
        yield Row(f"ablated at the last {last} positions", best, basis, at_the_end(means, last))
    sites = list(basis)
    for first in range(1, len(sites)):
        yield Row(f"sites from {sites[first]} on", *_at(sites[first:], best, basis), means)
    for site in sites[:-1]:
        yield Row(f"site {site} alone", *_at([site], best, basis), means)
    layers, count = range(model.num_layers), model.network.config.num_attention_heads
    heads = {Site("heads", layer): Coordinates(count, model.width(Site("heads", layer)) // count) for layer in layers}
    scored = score_nodes(Bench(model, groups, heads, batch_tokens=2048), Scoring.of("relp", 1))
    for size in (30, BEST):
        yield Row(
            f"{size} attention heads of {count * len(layers)}",
            union_ranking([scored])[:size],
            heads,
            mean_ablation(scored.means),
        )


def _at(sites: Sequence[Site], nodes: Sequence[Node], basis: Basis) -> tuple[list[Node], Basis]:
    return [node for node in nodes if node.site in sites], {site: basis[site] for site in sites}


def by_mean_share(tasks: Sequence[NodeScores]) -> list[Node]:
    """Return all nodes by falling |mean over tasks of mean score / mean total effect|."""
    share = torch.stack([task.mean_scores / task.total_effect.double().mean() for task in tasks]).mean(dim=0).abs()
    return tasks[0].nodes_at(torch.argsort(share, descending=True, stable=True))


def everywhere_alike(fit: NodeScores) -> Ablation:
    """Return the ablation to the mean over all distances from the last token."""
    return mean_ablation(
        {site: type(m)(m.coordinates.mean(0, True), m.error.mean(0, True)) for site, m in fit.means.items()}
    )


def at_the_end(ablation: Ablation, last: int) -> Ablation:
    """Return the ablation of the `last` positions; those before are filled with what they are, as causality has it."""

    @torch.no_grad()
    def fills(model: Model, basis: Basis, batch: PairBatch) -> dict[Site, Fill]:
        own = run(model, batch.clean, read=list(basis)).activations
        found = {}
        for site, fill in ablation(model, basis, batch).items():
            coordinates = basis[site].read(own[site])
            error = own[site] - basis[site].write(coordinates)
            coordinates[:, -last:], error[:, -last:] = fill.coordinates[:, -last:], fill.error[:, -last:]
            found[site] = Fill(coordinates, error)
        return found

    return fills


if __name__ == "__main__":
    program(main)
