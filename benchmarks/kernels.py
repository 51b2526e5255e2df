"""Speed of each CUDA kernel beside the stock operators that it stands for, at the sizes of the GPU benchmarks.

Calls a second, both in turn, in several rounds, after a check that both give the same. It needs a GPU, so it is no
part of `make bench`: `python benchmarks/kernels.py`, or, without the project's environment, with PYTHONPATH=src.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, linear
from tqdm import tqdm

from common import Row, compare, now, publish
from sparse_circuits.base.compute import choose_device
from sparse_circuits.base.errors import StudyError
from sparse_circuits.command import program
from sparse_circuits.sae.sparse import Pairs, PreActivations, products_at, sum_by_feature, weighted_sums

SIZES = tuple(product((768, 2304), (16384, 65536)))  # d_in, d_sae


@dataclass(frozen=True)
class Arguments:
    rows: int = 4096
    """rows of activations"""
    k: int = 32
    """features active in a row"""
    rounds: int = 5
    """rounds; each measures everything once"""
    calls: int = 20
    """calls that are timed together"""


def main(args: Arguments) -> None:
    device = choose_device("auto")
    if device.type != "cuda":
        raise StudyError("no GPU here, and kernels run on one only; tests/sae/test_kernels.py checks them elsewhere")
    rows: list[Row] = []
    for d_in, d_sae in SIZES:
        rows += measure(d_in, d_sae, args, device)
        publish("kernels", device, rows, [])
        torch.cuda.empty_cache()


def measure(d_in: int, d_sae: int, args: Arguments, device: torch.device) -> list[Row]:
    """Return the rows of one size; raise StudyError where a kernel and the stock operators differ."""
    generator = torch.Generator(device).manual_seed(0)
    x = torch.randn(args.rows, d_in, generator=generator, device=device)
    W = torch.randn(d_sae, d_in, generator=generator, device=device) / d_in**0.5
    b = torch.zeros(d_sae, device=device)
    pairs = PreActivations(x, W, b).largest(args.k)
    values = torch.rand(len(pairs.features), generator=generator, device=device)
    grouping = pairs.by_feature
    by_feature = values[grouping.order]

    def encode() -> Tensor:
        found = PreActivations(x, W, b).largest(args.k).pre
        assert found is not None
        return found.view(args.rows, -1).sort(dim=1).values

    def stock_encode() -> Tensor:
        return linear(x.bfloat16(), W.bfloat16()).float().add_(b).topk(args.k, dim=1).values.flip(1)

    compared: dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor]]] = {
        "encoder and selection, beside product and topk in bf16": (encode, stock_encode),
        "decoder, beside embedding_bag": (
            lambda: weighted_sums(W, pairs.features, pairs.begins, values),
            lambda: bag(pairs.features, W, pairs.begins, values),
        ),
        "gradient of a weight matrix, beside embedding_bag": (
            lambda: sum_by_feature(values, x, grouping),
            lambda: bag(grouping.rows, x, grouping.begins, by_feature),
        ),
        "gradient of the values, beside gathering rows": (
            lambda: products_at(pairs, x, W),
            lambda: gathered_products(pairs, x, W, args.k),
        ),
    }
    found = []
    for name, (ours, stock) in compared.items():
        # Products in bf16 are rounded to bf16 by the stock operators: 8 bits.
        if (ours() - stock()).abs().max() > 0.05:
            raise StudyError(f"{name}, {d_in} → {d_sae}: the kernel and the stock operators differ")
        speeds = [(time(ours, args.calls, device), time(stock, args.calls, device)) for _ in tqdm(range(args.rounds))]
        sizes = f"{name}, {args.rows:,} rows, {d_in} → {d_sae:,}, k {args.k}"
        found.append(compare(sizes, "calls/s", [a for a, _ in speeds], [b for _, b in speeds], None))
    return found


def bag(indices: Tensor, matrix: Tensor, begins: Tensor, weights: Tensor) -> Tensor:
    """Return weighted sums of a matrix's rows by the stock operator."""
    return embedding_bag(indices, matrix, begins, mode="sum", per_sample_weights=weights, include_last_offset=True)


def gathered_products(pairs: Pairs, x: Tensor, W: Tensor, k: int) -> Tensor:
    """Return the dot products at pairs (pair,) by gathering the rows of W: (row, k, d_in) at a time."""
    return torch.einsum("rd,rkd->rk", x, W[pairs.features.view(-1, k)]).flatten()


def time(call: Callable[[], Tensor], calls: int, device: torch.device) -> float:
    """Return calls a second."""
    call()
    begin = now(device)
    for _ in range(calls):
        call()
    return calls / (now(device) - begin)


if __name__ == "__main__":
    program(main)
