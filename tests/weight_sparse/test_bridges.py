"""Bridges: between a model and itself they carry over everything; between two models they learn to."""

import pytest
import torch
from torch import Tensor

from sparse_circuits.artefacts.weight_carrying import BridgeTerms
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks.pairs import PairBatch
from sparse_circuits.weight_sparse.bridge_training import bridge_losses, train_bridges
from sparse_circuits.weight_sparse.bridges import Bridges, bridge_loss, carried, normalised_error, states, tail
from sparse_circuits.weight_sparse.carrying import carry
from sparse_circuits.weight_sparse.masks import place_at
from worlds.sparse_models import VOCABULARY, random_model

PLACES = 5  # before and after each sublayer of two layers


def tokens(seed: int) -> Tensor:
    return torch.randint(0, VOCABULARY, (4, 9), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model() -> WeightSparseForCausalLM:
    return random_model()


@pytest.fixture
def identity() -> Bridges:
    """Bridges that hand on every channel as it is."""
    bridges = Bridges(PLACES, 24, 24, 1.0, torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for module in (*bridges.encoders, *bridges.decoders):
            module.weight.copy_(torch.eye(24))
    return bridges


def test_the_model_goes_on_from_any_of_its_states(model: WeightSparseForCausalLM) -> None:
    expected = model(tokens(0)).logits
    found = states(model, tokens(0))
    assert len(found) == PLACES
    for number, state in enumerate(found):
        torch.testing.assert_close(tail(model, number, state, tokens(0)), expected)


def test_between_a_model_and_itself_nothing_is_lost(model: WeightSparseForCausalLM, identity: Bridges) -> None:
    loss = bridge_loss(model, model, identity, tokens(0))
    for term in (loss.encoded, loss.decoded, loss.sparse_tails, loss.dense_tails):
        assert term.item() == pytest.approx(0, abs=1e-9)
    assert loss.total.item() == pytest.approx(loss.pretraining.item())


def test_moving_all_channels_is_running_the_other_prompt(model: WeightSparseForCausalLM, identity: Bridges) -> None:
    here, there = tokens(0), tokens(1)
    here[:, -1] = there[:, -1]  # the bigram table reads the last token, which is not moved
    for number in range(PLACES):
        moved = carried(model, model, identity, number, list(range(24)), here, there, 1.0)
        torch.testing.assert_close(moved, model(there).logits[:, -1])
        still = carried(model, model, identity, number, list(range(24)), here, there, 0.0)
        torch.testing.assert_close(still, model(here).logits[:, -1])


def test_one_channel_moves_along_its_direction(model: WeightSparseForCausalLM, identity: Bridges) -> None:
    here, there = tokens(0), tokens(1)
    x = states(model, here)[2]
    x[..., 7] += 0.5 * (states(model, there)[2] - x)[..., 7]
    expected = tail(model, 2, x, here)[:, -1]
    torch.testing.assert_close(carried(model, model, identity, 2, [7], here, there, 0.5), expected)


def test_the_ratio_of_sizes_makes_up_for_a_decoder_that_is_too_small(
    model: WeightSparseForCausalLM, identity: Bridges
) -> None:
    expected = carried(model, model, identity, 2, [3, 7], tokens(0), tokens(1), 1.0)
    with torch.no_grad():
        for decoder in identity.decoders:
            decoder.weight.mul_(0.01)
    torch.testing.assert_close(carried(model, model, identity, 2, [3, 7], tokens(0), tokens(1), 1.0), expected)


def test_bridges_between_models_of_two_widths_learn() -> None:
    dense, sparse = random_model(hidden_size=32, active=None).float(), random_model().float()

    def after(steps: int) -> BridgeTerms:
        bridges = train_bridges(dense, sparse, lambda step: tokens(step % 4), steps, 0.5, 0.02, 0)
        return bridge_losses(dense, sparse, bridges, tokens(0), 2)

    first, last = after(1), after(60)
    assert sum(last.plain().values()) < 0.7 * sum(first.plain().values())
    assert all(getattr(last, name) < 0.8 * getattr(first, name) for name in ("decoded", "encoded", "dense_tails"))
    assert last.decoded < 1  # less than decoding nothing


def test_over_the_identity_all_channels_carry_everything(model: WeightSparseForCausalLM, identity: Bridges) -> None:
    clean, patch = tokens(0), tokens(1)
    patch[:, -1] = clean[:, -1]
    answers = torch.full((4, 1), 3), torch.full((4, 1), 7)
    groups = [(list(range(4)), PairBatch(clean, patch, *answers))]
    reads = [(place_at(1, "mlp_in"), channel) for channel in range(24)]
    nodes = [*reads, (place_at(0, "attn_in"), 2), (place_at(0, "attn_v"), 1)]
    first, last = carry(model, model, identity, nodes, groups, [0.0, 1.0], 0)
    assert (first.place, first.channels) == ("attn_in.0", [2])
    assert (last.place, len(last.channels)) == ("mlp_in.1", 24)
    for row in (first, last):
        assert row.moved.circuit[0] == pytest.approx(0, abs=1e-9)
        assert row.moved.all[1] == pytest.approx(1)
    assert last.moved.circuit == pytest.approx(last.moved.all)
    assert abs(first.moved.circuit[1] - 1) > 1e-3  # one channel of 24 is not all


def test_an_error_is_a_share_of_what_is_wanted() -> None:
    wanted = torch.tensor([3.0, 4.0])
    assert normalised_error(torch.zeros(2), wanted) == 1
    assert normalised_error(wanted, wanted) == 0
