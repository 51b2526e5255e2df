"""What circuits cost: all sizes of a curve beside one size, prompts of growing number, a long prompt in every layer."""

import resource
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import torch

from common import Claim, Table, publish_findings, seconds_of
from finished import Finished
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.machine import cores
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.bench import Bench, Outcome
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.command import program
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_model
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.pairs import PairBatch

BUDGET = 2048  # tokens a pass


@dataclass(frozen=True)
class Arguments:
    study: Finished = field(default_factory=Finished)
    task: str = "nounpp"
    """task whose pairs are used"""
    sizes: list[int] = field(
        default_factory=lambda: [1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 300, 600, 1200, 2400, 4800]
    )
    """nodes of the circuits of a curve"""
    rounds: int = 5
    """rounds of the curve; each measures one size and all"""
    length: int = 1000
    """tokens of the long prompt"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where it is present"""
    threads: int = field(default_factory=cores)
    """CPU threads of matrix products"""


def main(args: Arguments) -> None:
    set_up(args.threads)
    device = choose_device(args.device)
    # First, while nothing else has raised the peak.
    model = load_model(args.study.model_folder, device)
    long = _long_prompt(model, args.length)
    claims = [
        Claim(
            f"memory of scoring and ablating {model.num_layers} layers with {args.length} tokens", long, "GB", 8, True
        )
    ]

    setup = args.study.set_up(f"{args.task}/train", 96, device)
    _, batch = max(setup.groups, key=lambda group: len(group[0]))

    def group(count: int) -> list[tuple[list[int], PairBatch]]:
        return [(list(range(count)), batch.split(count)[0])]

    def score(count: int) -> NodeScores:
        return score_nodes(Bench(setup.model, group(count), setup.basis, batch_tokens=BUDGET), Scoring.of("relp", 1))

    def judge(count: int, circuits: list[Circuit]) -> Outcome:
        return Bench(setup.model, group(count), setup.basis, ablation, batch_tokens=BUDGET).run(circuits)

    scores = score(16)
    ranked = scores.ranked()
    curve = [Circuit.of(ranked[:size], setup.basis) for size in args.sizes]
    ablation = mean_ablation(scores.means)
    ratios: list[list[str | float]] = []
    for count in (1, 4, 16):
        times: list[tuple[float, float]] = []
        for _ in range(args.rounds):
            one, all_sizes = (seconds_of(partial(judge, count, circuits), device) for circuits in (curve[-1:], curve))
            times.append((one, all_sizes))
        ratios.append(
            [
                str(count),
                *(round(median(t), 2) for t in zip(*times, strict=True)),
                round(median(b / a for a, b in times), 2),
            ]
        )
    claims.append(
        Claim(
            f"{len(curve)} sizes of a curve beside one, {ratios[-1][0]} pairs",
            float(ratios[-1][-1]),
            "times the time",
            3,
            True,
        )
    )
    linear: list[list[str | float]] = []
    for count in (16, 32, 64):
        scored = seconds_of(partial(score, count), device)
        judged = seconds_of(partial(judge, count, curve[:4]), device)
        linear.append([str(count), round(scored, 2), round(judged, 2)])
    publish_findings(
        "circuit_cost",
        device,
        claims,
        [
            Table(
                "Seconds of one circuit, of all sizes of a curve, and their ratio",
                ["pairs", "one", f"{len(curve)} sizes", "ratio"],
                ratios,
            ),
            Table("Seconds by number of prompts", ["pairs", "scoring by RelP", "judging four circuits"], linear),
        ],
    )


def _long_prompt(model: Model, length: int) -> float:
    """Peak memory in GB of scoring and ablating one long pair with an autoencoder of random weights in every layer.

    Of the GPU's memory, where there is one. Weights that are not trained cost the same: k features are active a token,
    whatever they mean.
    """
    generator = torch.Generator().manual_seed(0)
    basis = {}
    for layer in range(model.num_layers):
        W_dec = torch.nn.functional.normalize(torch.randn(8 * model.d_model, model.d_model, generator=generator))
        sae = SparseAutoencoder(
            "topk", W_dec.T.contiguous(), torch.zeros(len(W_dec)), W_dec, torch.zeros(model.d_model), k=32
        )
        basis[Site("resid_post", layer)] = Features(sae.to(model.device))
    clean, patch = torch.randint(model.vocabulary, (2, 1, length), generator=generator)
    answers, patch_answers = torch.randint(model.vocabulary, (2, 1, 1), generator=generator)
    groups = [([0], PairBatch(clean, patch, answers, patch_answers))]
    scores = score_nodes(Bench(model, groups, basis, batch_tokens=BUDGET), Scoring.of("relp", 1))
    circuit = Circuit.of(scores.ranked()[:300], basis)
    Bench(model, groups, basis, mean_ablation(scores.means), batch_tokens=BUDGET).run([circuit])
    if model.device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(model.device) / 1e9, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    program(main)
