"""Triton's kernels compute the dense formulas: compiled on GPUs, elsewhere in Triton's interpreter."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from triton.runtime import interpreter

from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import validate
from sparse_circuits.sae import sparse
from sparse_circuits.sae.architectures.registry import TRAINERS
from sparse_circuits.sae.kernels.encode import encode_largest
from sparse_circuits.sae.kernels.products import products
from sparse_circuits.sae.kernels.weighted_sums import sum_segments
from sparse_circuits.sae.sparse import PreActivations, decode, encode
from worlds.kernels import KERNELS, take_path

PRECISE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 2e-5}  # bf16: of exact products, summed in fp32


@pytest.fixture(autouse=True)
def _bfloat16_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter keeps bf16 as 16-bit integers, and its matrix product takes these for numbers."""
    product = interpreter.InterpreterBuilder.create_dot

    def widened(handle: Any) -> Any:
        if handle.dtype != interpreter.tl.bfloat16:
            return handle
        data = (handle.data.astype(np.uint32) << 16).view(np.float32)
        return interpreter.TensorHandle(data, interpreter.tl.float32)

    monkeypatch.setattr(
        interpreter.InterpreterBuilder,
        "create_dot",
        lambda self, a, b, *rest: product(self, widened(a), widened(b), *rest),
    )


def _draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(KERNELS, dtype)


def _segments(lengths: list[int], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where segments of some lengths begin, which of `count` rows each pair names, and the segment of each pair."""
    begins = torch.tensor([0, *np.cumsum(lengths)])
    indices = torch.randint(count, (int(begins[-1]),), generator=torch.Generator().manual_seed(2))
    segment = torch.arange(len(lengths)).repeat_interleave(begins.diff())
    return begins.to(KERNELS), indices.to(KERNELS), segment.to(KERNELS)


# Segments without pairs at both ends and inside, of one pair, of just a tile's pairs, and much longer than a tile.
LENGTHS = [0, 3, 16, 0, 1, 17, 200, 0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("d", [1, 128, 150])
def test_weighted_sums_equal_a_product_with_the_dense_matrix_of_weights(d: int, dtype: torch.dtype) -> None:
    begins, indices, segment = _segments(LENGTHS, 30)
    matrix, weights = _draw(30, d, dtype=dtype), _draw(len(indices), seed=1, dtype=dtype)
    dense = torch.zeros(len(LENGTHS), 30, dtype=torch.float64, device=KERNELS)
    dense.index_put_((segment, indices), weights.double(), accumulate=True)
    found = sum_segments(matrix, indices, begins, weights)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), dense @ matrix.double(), rtol=PRECISE[dtype], atol=PRECISE[dtype])
    assert torch.equal(found, sum_segments(matrix, indices, begins, weights))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("d", [1, 128, 150])
def test_products_equal_the_dense_product_at_the_pairs(d: int, dtype: torch.dtype) -> None:
    begins, indices, segment = _segments(LENGTHS, 30)
    rows, matrix = _draw(len(LENGTHS), d, dtype=dtype), _draw(30, d, seed=1, dtype=dtype)
    found = products(rows, matrix, indices, begins)
    assert found.dtype == dtype
    dense = (rows.double() @ matrix.double().T)[segment, indices]
    torch.testing.assert_close(found.double(), dense, rtol=PRECISE[dtype], atol=PRECISE[dtype])
    assert torch.equal(found, products(rows, matrix, indices, begins))


@pytest.mark.parametrize("dtype", PRECISE)
@pytest.mark.parametrize(
    ("rows", "d_in", "d_sae", "k"), [(1, 1, 16, 1), (130, 20, 160, 2), (9, 150, 333, 5), (5, 64, 1024, 33)]
)
def test_encoder_finds_exactly_the_largest(rows: int, d_in: int, d_sae: int, k: int, dtype: torch.dtype) -> None:
    sums_in = torch.float64 if dtype == torch.float64 else torch.float32
    x, W_enc, b_enc = _draw(rows, d_in, dtype=dtype), _draw(d_sae, d_in, seed=1, dtype=dtype), _draw(d_sae, seed=2)
    values, indices = encode_largest(x, W_enc, b_enc.to(sums_in), k)
    assert values.dtype == sums_in
    dense = x.double() @ W_enc.double().T + b_enc.to(sums_in).double()
    assert torch.equal(indices.sort().values, dense.topk(k).indices.sort().values)
    tolerance = PRECISE[dtype] * d_in**0.5
    torch.testing.assert_close(values.double(), dense.gather(1, indices), rtol=tolerance, atol=tolerance)


def test_encoder_finds_the_largest_where_they_crowd_in_few_groups() -> None:
    x, W_enc, b_enc = _draw(6, 10), _draw(330, 10, seed=1), _draw(330, seed=2)
    b_enc[35:55] += 100.0  # in three groups of 16, of which k is more than any one holds
    b_enc[322:] += 100.0  # and in the last, which ends early
    values, indices = encode_largest(x, W_enc, b_enc, 20)
    dense = x @ W_enc.T + b_enc
    assert torch.equal(indices.sort().values, dense.topk(20).indices.sort().values)
    torch.testing.assert_close(values, dense.gather(1, indices), rtol=1e-12, atol=1e-12)
    again = encode_largest(x, W_enc, b_enc, 20)
    assert torch.equal(values, again[0])
    assert torch.equal(indices, again[1])


def test_of_equal_pre_activations_each_feature_is_taken_once_and_the_lowest_of_a_group_first() -> None:
    x, W_enc, b_enc = _draw(3, 4), torch.zeros(160, 4).to(_draw(1)), torch.zeros(160).to(_draw(1))
    values, indices = encode_largest(x, W_enc, b_enc, 10)
    assert values.abs().max() == 0
    assert all(len(set(row)) == 10 for row in indices.tolist())
    assert (indices % 16 == 0).all()
    b_enc[48:64] = 1.0
    values, indices = encode_largest(x, W_enc, b_enc, 10)
    assert values.min() == 1
    assert indices.sort().values.tolist() == [list(range(48, 58))] * 3


def _reconstruct(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, W_dec: Tensor, k: int) -> Tensor:
    pre = PreActivations(x - b_dec, W_enc, b_enc)
    places = pre.largest(k)
    return decode(encode(pre, places, b_dec).relu(), places, W_dec) + b_dec


def test_gradients_of_the_fused_encoder_pass_gradcheck(monkeypatch: pytest.MonkeyPatch) -> None:
    take_path(monkeypatch, kernels=True)
    x, *weights = _draw(5, 3), _draw(70, 3, seed=1), _draw(70, seed=2), _draw(3, seed=3), _draw(70, 3, seed=4)
    pairs = PreActivations(x, weights[0], weights[1]).largest(2)
    assert pairs.pre is not None, "selected without all pre-activations"
    inputs = [weight.requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(lambda *w: _reconstruct(x, *w, 2), inputs, fast_mode=True)


SETTINGS: dict[str, dict[str, Any]] = {
    "topk": {"k": 3, "aux_k": 5, "dead_after": 1},
    "batch_topk": {"k": 3},
    "matryoshka": {"k": 3, "widths": [10, 200]},
    "jumprelu": {"l0": 0.3, "bandwidth": 0.5, "threshold": 2.0},
}


@pytest.mark.parametrize("architecture", SETTINGS)
def test_loss_and_gradients_are_the_same_on_both_paths(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "has_fast_bfloat16", lambda _: False)
    monkeypatch.setattr(sparse, "MANY", 1.1)
    settings = {"architecture": architecture, "d_sae": 200, **SETTINGS[architecture]}
    config = validate(Entries, {"saes": {"one": settings}}, architecture).saes["one"]
    trainer = TRAINERS[architecture](12, config, torch.Generator().manual_seed(0)).to(KERNELS)
    trainer.silent[50:60] = 2
    trainer.find_dead()
    x = _draw(21, 12, dtype=torch.float32)
    found = []
    for kernels in (False, True):
        take_path(monkeypatch, kernels)
        trainer.zero_grad()
        step = trainer(x)
        step.loss.backward()
        gradients = [parameter.grad for parameter in trainer.parameters()]
        found.append((step.loss.detach(), step.residual, step.fired, *gradients))
    for stock, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, stock, rtol=1e-5, atol=1e-6)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from sparse_circuits.sae.kernels import encode, products, weighted_sums

SHARED = 99 * 1024  # bytes of shared memory that a program may have on the smallest of these GPUs (sm_86, sm_89)


def check(kernel, capability, sizes, types, constants, **options):
    signature = {
        name: "constexpr" if name in constants else "i32" if name in sizes else "*" + types.get(name, "fp32")
        for name in kernel.arg_names
    }
    source = ASTSource(kernel, signature, constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    assert compiled.metadata.shared <= SHARED, (kernel, capability, compiled.metadata.shared)


for capability in (80, 90):
    tile = {"PAIRS": weighted_sums.PAIRS, "COLUMNS": weighted_sums.COLUMNS}
    pairs = {"indices": "i64", "begins": "i64"}
    check(weighted_sums._weighted_sums, capability, {"d"}, pairs, tile, num_warps=4)
    check(products._products, capability, {"d"}, pairs, tile, num_warps=4)
    group = {"GROUP": encode.GROUP}
    tile = group | {"ROWS": encode.ROWS, "FEATURES": encode.FEATURES, "COLUMNS": encode.BYTES // 2}
    types = {"x": "bf16", "W_enc": "bf16", "winner": "i8", "chosen": "i64", "indices": "i64"}
    check(encode._group_maxima, capability, {"rows", "d_in", "d_sae"}, types, tile, num_warps=8, num_stages=3)
    slots = group | {"SLOTS": 64, "COLUMNS": encode.COLUMNS}
    check(encode._settle, capability, {"d_in", "d_sae", "k"}, types, slots, num_warps=1)
"""


def test_kernels_compile_for_gpus_that_are_not_at_hand(tmp_path: Path) -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
