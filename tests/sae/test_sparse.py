"""The sparse operations are the dense formulas."""

import pytest
import torch
from torch import Tensor

from sparse_circuits.sae.sparse import Everywhere, Pairs, Places, PreActivations, decode, encode, largest


@pytest.fixture(name="device")
def _device(path: torch.device) -> torch.device:
    """Every test here is run by stock operators and by kernels."""
    return path


def _problem(rows: int, d_in: int, d_sae: int, device: torch.device) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).to(device)

    weights = [draw(d_sae, d_in), draw(d_sae), draw(d_in), draw(d_sae, d_in)]
    return draw(rows, d_in), [weight.requires_grad_() for weight in weights]


def _sparse(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, W_dec: Tensor, k: int) -> Tensor:
    pre, places = _encode_topk(x, W_enc, b_enc, b_dec, k)
    return decode(pre.relu(), places, W_dec) + b_dec


def _encode_topk(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, k: int) -> tuple[Tensor, Places]:
    pre = PreActivations(x - b_dec, W_enc, b_enc)
    places = pre.largest(k)
    return encode(pre, places, b_dec), places


def _dense(x: Tensor, W_enc: Tensor, b_enc: Tensor, b_dec: Tensor, W_dec: Tensor, k: int) -> Tensor:
    pre = (x - b_dec) @ W_enc.T + b_enc
    values, indices = pre.topk(k, dim=1)
    return torch.zeros_like(pre).scatter(1, indices, values.relu()) @ W_dec + b_dec


@pytest.mark.parametrize(("rows", "d_in", "d_sae", "k"), [(7, 5, 11, 3), (20, 8, 136, 4)])
def test_reconstruction_and_all_gradients_equal_the_dense_formula(
    rows: int, d_in: int, d_sae: int, k: int, device: torch.device
) -> None:
    x, weights = _problem(rows, d_in, d_sae, device)
    upstream = torch.randn(rows, d_in, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(device)
    sparse, dense = _sparse(x, *weights, k), _dense(x, *weights, k)
    torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(
        torch.autograd.grad(sparse, weights, upstream), torch.autograd.grad(dense, weights, upstream), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_gradients_pass_gradcheck(device: torch.device) -> None:
    x, weights = _problem(4, 3, 7, device)
    assert torch.autograd.gradcheck(lambda *w: _sparse(x, *w, 3), weights)


def test_negative_pre_activations_among_the_k_largest_neither_fire_nor_learn(device: torch.device) -> None:
    x, weights = _problem(5, 4, 9, device)
    with torch.no_grad():
        weights[1].sub_(100.0)
    values = _encode_topk(x, weights[0], weights[1], weights[2], 3)[0].relu()
    assert values.abs().max() == 0
    values.sum().backward()
    assert weights[0].grad is not None
    assert weights[0].grad.abs().max() == 0


def test_rows_may_have_different_numbers_of_pairs_even_none(device: torch.device) -> None:
    x, (W_enc, b_enc, b_dec, W_dec) = _problem(12, 5, 11, device)
    upstream = torch.randn(12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).to(device)
    pre_activations = PreActivations(x - b_dec, W_enc, b_enc)
    mask = pre_activations.dense > 1.5
    mask[0] = False
    found = []
    for places in (Pairs.where(mask), Everywhere()):
        pre = encode(pre_activations, places, b_dec)
        values = pre if isinstance(places, Pairs) else pre * mask
        out = decode(values, places, W_dec)
        cost = (out * upstream).sum() + (places.sum_by_row(values) * places.sum_by_row(values)).sum()
        gradients = torch.autograd.grad(cost, (W_enc, b_enc, b_dec, W_dec))
        found.append((out, places.count(values), *gradients))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("d_sae", [48, 4608, 4600])
def test_two_stage_selection_finds_exactly_the_largest(d_sae: int, device: torch.device) -> None:
    pre = torch.randn(33, d_sae, generator=torch.Generator().manual_seed(0)).to(device)
    values, indices = largest(pre, 32)
    assert torch.equal(values.sort(dim=1).values, pre.topk(32, dim=1).values.sort(dim=1).values)
    assert torch.equal(pre.gather(1, indices), values)
    assert all(len(set(row)) == 32 for row in indices.tolist())
