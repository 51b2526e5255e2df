"""Training with almost all weights zero beside the same step dense: time, memory, and what the projection takes.

Also the circuit as a compact model beside the masked model. Everything runs on tokens and weights at random; what a
step costs does not depend on what they mean.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from common import Claim, Table, publish_findings, seconds_of
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.machine import cores
from sparse_circuits.command import program
from sparse_circuits.config.train_transformer import Transformer
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.weight_sparse.compact import CompactModel
from sparse_circuits.weight_sparse.folder import new_model
from sparse_circuits.weight_sparse.masks import gated, mean_activations, places_of
from sparse_circuits.weight_sparse.projection import project_
from sparse_circuits.weight_sparse.training import sparse_matrices, train

VOCABULARY, CONTEXT = 2048, 256
OPEN = 0.05  # share of nodes in the circuit that is timed


@dataclass(frozen=True)
class Arguments:
    layers: int = 2
    """layers of the model"""
    d_model: int = 256
    """its width"""
    batch: int = 16
    """sequences of 256 tokens a step"""
    share: float = 0.1
    """weights left"""
    steps: int = 3
    """steps a round"""
    rounds: int = 3
    """rounds, one of each kind in turn"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N"""
    threads: int = field(default_factory=cores)
    """CPU threads"""


def main(args: Arguments) -> None:
    set_up(args.threads)
    device = choose_device(args.device)
    size = {"layers": args.layers, "d_model": args.d_model, "tokens": 10**6, "batch": args.batch, "anneal_until": 1e-9}
    kinds = {
        "dense": Transformer.model_validate({**size, "active": None}),
        "AbsTopK activations": Transformer.model_validate(size),
        "sparse weights too": Transformer.model_validate({**size, "share": args.share}),
    }
    models = {name: new_model(entry, VOCABULARY, CONTEXT, 0).train().to(device=device) for name, entry in kinds.items()}
    tokens = random_tokens(args)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    projections = []
    for _ in range(args.rounds):
        for name, entry in kinds.items():
            work = partial(train, models[name], lambda _: tokens, entry, args.steps, device)
            times[name].append(seconds_of(work, device))
        sparse = models["sparse weights too"]
        projections.append(seconds_of(partial(project_all, sparse, args.share), device) * args.steps)
    dense, last = times["dense"], times["sparse weights too"]
    share = median(p / t for p, t in zip(projections, last, strict=True))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        memory = {name: pool.submit(peak_memory, entry, args).result() for name, entry in kinds.items()}
    rows: list[list[str | float]] = [
        [
            name,
            round(median(found) / args.steps, 3),
            round(median(a / b for a, b in zip(found, dense, strict=True)), 2),
            round(memory[name], 2),
            round(memory[name] / memory["dense"], 2),
        ]
        for name, found in times.items()
    ]
    masked, compact, differ = compact_speed(models["sparse weights too"], tokens, device)
    claims = [
        Claim("the projection's share of a step", share, "of the step", 0.15, True),
        Claim("the compact circuit beside the masked model", masked / compact, "times as fast", 1),
        Claim("the largest difference of their logits", differ, "", 1e-5, True),
    ]
    title = f"One step of {args.batch * CONTEXT:,} tokens: {args.layers} layers, d_model {args.d_model}"
    header = ["kind", "seconds", "times dense", "peak memory (GB)", "times dense"]
    publish_findings("weight_sparse", device, claims, [Table(title, header, rows)])


def random_tokens(args: Arguments) -> Tensor:
    """The tokens of a step (batch, position)."""
    return torch.randint(0, VOCABULARY, (args.batch, CONTEXT), generator=torch.Generator().manual_seed(0))


def project_all(model: WeightSparseForCausalLM, share: float) -> None:
    """What training does after each step."""
    for weight, axis in sparse_matrices(model):
        project_(weight.data, share, 4 if axis is not None else 0, axis or 0)


def peak_memory(entry: Transformer, args: Arguments) -> float:
    """Return the GB that two steps of training take at their peak, the model itself included.

    Run in a process of its own: a process's peak only ever rises.
    """
    set_up(args.threads)
    device = choose_device(args.device)
    tokens = random_tokens(args)
    before = _peak()
    model = new_model(entry, VOCABULARY, CONTEXT, 0)
    train(model, lambda _: tokens, entry, 2, device)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return _peak() - before


def _peak() -> float:
    """This process's peak so far in GB, by Linux; `getrusage` would count the peak of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


@torch.no_grad()
def compact_speed(model: WeightSparseForCausalLM, tokens: Tensor, device: torch.device) -> tuple[float, float, float]:
    """Return seconds of the masked model and of the compact one on short prompts, and how far their logits differ."""
    prompts = tokens[:, :32].to(device)
    fills = mean_activations(model, iter([tokens.to(device)]))
    generator = torch.Generator().manual_seed(0)
    gates = {
        place: (torch.rand(width, generator=generator) < OPEN).float().to(device)
        for place, width in places_of(model).items()
    }
    compact = CompactModel(model, gates, fills, [3, 7]).to(device)
    masked_times, compact_times = [], []
    for _ in range(7):
        with gated(model, gates, fills):
            masked_times.append(seconds_of(lambda: model(prompts, logits_to_keep=1), device))
            expected = model(prompts, logits_to_keep=1).logits[:, -1][:, [3, 7]]
        compact_times.append(seconds_of(lambda: compact(prompts), device))
    differ = (compact(prompts) - expected).abs().max().item()
    return median(masked_times), median(compact_times), differ


if __name__ == "__main__":
    program(main)
