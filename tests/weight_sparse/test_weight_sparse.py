"""Weight-sparse transformers: the model, its projection, its training."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.checkpoint import Checkpoint
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.network import Anneal, Network
from sparse_circuits.models.weight_sparse import AbsTopK, Sink, WeightSparseConfig, WeightSparseForCausalLM
from sparse_circuits.weight_sparse.projection import kth_largest, project_
from sparse_circuits.weight_sparse.schedule import learning_rate, share_of_weights
from sparse_circuits.weight_sparse.training import (
    backward,
    in_random_order,
    next_token_loss,
    normalise_gradients,
    sparse_matrices,
    train,
)
from worlds.sparse_models import VOCABULARY, random_model

CPU = torch.device("cpu")


def test_abs_topk_keeps_the_largest_by_size() -> None:
    x = torch.tensor([[1.0, -3.0, 2.0, 0.5], [0.0, 0.1, -0.2, 0.0]])
    assert AbsTopK(2)(x).tolist() == [[0.0, -3.0, 2.0, 0.0], [0.0, pytest.approx(0.1), pytest.approx(-0.2), 0.0]]
    assert AbsTopK(None)(x) is x


def test_a_sink_takes_its_share_of_attention_and_writes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 7, 4, generator=generator, dtype=torch.float64)
    sink = Sink(3).double()
    with torch.no_grad():
        sink.sink_logit.copy_(torch.tensor([-1.0, 0.0, 2.0]))
    scores = (q @ k.transpose(-1, -2) * 0.5).masked_fill(torch.ones(7, 7).triu(1).bool(), -math.inf).exp()
    expected = scores @ v / (scores.sum(dim=-1, keepdim=True) + sink.sink_logit.exp().view(3, 1, 1))
    torch.testing.assert_close(sink(q, k, v, 0.5), expected)


def test_gradients_reach_the_sink() -> None:
    sink = Sink(2).double()
    q, k, v = torch.randn(3, 1, 2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logits = sink.sink_logit.detach().clone().requires_grad_()

    def out(values: Tensor) -> Tensor:
        return torch.func.functional_call(sink, {"sink_logit": values}, (q, k, v, 0.5))

    assert torch.autograd.gradcheck(out, (logits,))


def test_a_saved_model_computes_the_same(tmp_path: Path) -> None:
    model = random_model().float()
    model.save_pretrained(tmp_path)
    loaded = WeightSparseForCausalLM.from_pretrained(tmp_path)
    tokens = torch.arange(16).view(1, 16)
    assert torch.equal(loaded(tokens).logits, model(tokens).logits)


def test_only_the_first_tokens_decide_on_a_logit() -> None:
    model = random_model()
    tokens = torch.arange(12).view(1, 12)
    changed = tokens.clone()
    changed[:, 8:] = 3
    torch.testing.assert_close(model(changed).logits[:, :8], model(tokens).logits[:, :8])
    assert not torch.allclose(model(changed).logits[:, 8:], model(tokens).logits[:, 8:])


def test_text_is_generated_token_by_token() -> None:
    model = random_model().float()
    tokens = torch.tensor([[1, 2, 3]])
    expected = tokens
    for _ in range(4):
        expected = torch.cat([expected, model(expected).logits[:, -1:].argmax(dim=-1)], dim=1)
    given = {"attention_mask": torch.ones_like(tokens), "pad_token_id": 0}
    assert torch.equal(model.generate(tokens, max_new_tokens=4, do_sample=False, **given), expected)


def test_too_long_a_sequence_is_told() -> None:
    with pytest.raises(ValueError, match="17 tokens are more than the model's context of 16"):
        random_model()(torch.zeros(1, 17, dtype=torch.long))


@pytest.mark.parametrize("size", [1, 5, 1000, 100_003])
def test_the_kth_largest_is_that_of_sorting(size: int) -> None:
    values = torch.rand(size, generator=torch.Generator().manual_seed(size)) ** 20 * 1e3
    values[::3] = 0  # as weights are that were set to 0 before
    values[1::7] = 0.25
    ordered = values.sort(descending=True).values
    for k in {1, 2, size // 3, size // 2, size} - {0}:
        if k <= size:
            assert kth_largest(values, k) == ordered[k - 1]


def test_asking_for_more_values_than_there_are_is_refused() -> None:
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"k is {k}, there are 3 values"):
            kth_largest(torch.ones(3), k)


def test_projection_keeps_the_share_and_what_neurons_need() -> None:
    weight = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    weight[3] *= 1e-3  # a neuron all of whose weights are small
    kept = weight.clone()
    project_(kept, 0.1)
    assert int((kept != 0).sum()) == 200
    assert kept.abs()[kept != 0].min() >= weight.abs()[kept == 0].max()
    assert int((kept[3] != 0).sum()) == 0
    project_(weight, 0.1, least=4, axis=1)
    assert int((weight[3] != 0).sum()) == 4
    assert int((weight != 0).sum(dim=1).min()) == 4


def test_projection_along_columns_keeps_what_neurons_write() -> None:
    weight = torch.randn(40, 50, generator=torch.Generator().manual_seed(0))
    weight[:, 3] *= 1e-3
    project_(weight, 0.1, least=4, axis=0)
    assert int((weight != 0).sum(dim=0).min()) == 4


@pytest.mark.parametrize(
    ("anneal", "half_way"), [("linear", 0.55), ("sqrt", 1 - 0.9 * 0.5**0.5), ("exponential", 0.1**0.5)]
)
def test_the_share_of_weights_falls_to_the_target_and_stays(anneal: Anneal, half_way: float) -> None:
    def share(progress: float) -> float:
        return share_of_weights(progress, 0.1, 0.6, anneal)

    assert share(0) == 1
    assert share(0.3) == pytest.approx(half_way)
    assert share(0.6) == share(1.0) == pytest.approx(0.1)


def test_the_learning_rate_is_a_sharks_fin() -> None:
    assert learning_rate(0, 1, 0.1) == 0
    assert learning_rate(0.5, 1, 0.1) == pytest.approx(0.05)
    assert learning_rate(0.5, 0.25, 0.1) == pytest.approx(0.1)
    assert learning_rate(1, 0.01, 0.1) == 0


def test_gradients_are_divided_by_their_common_root_mean_square() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2))]
    parameters[0].grad, parameters[1].grad = torch.full((3,), 200.0), torch.full((2, 2), -100.0)
    normalise_gradients(parameters)
    both = torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])
    assert both.square().mean() == pytest.approx(1.0, rel=1e-5)
    assert both[0] / both[-1] == pytest.approx(-2.0)


def small_model() -> WeightSparseForCausalLM:
    torch.manual_seed(0)
    return WeightSparseForCausalLM(
        WeightSparseConfig(
            vocab_size=VOCABULARY, hidden_size=32, head_dim=8, num_attention_heads=4, intermediate_size=64
        )
    )


def counting(sequences: int = 64) -> Tensor:
    """Sequences that count upwards from a random token: the next token is the last one plus one."""
    begin = torch.randint(0, VOCABULARY, (sequences, 1), generator=torch.Generator().manual_seed(0))
    return (begin + torch.arange(12)) % VOCABULARY


def test_training_learns_and_leaves_the_share_of_weights_asked_for() -> None:
    model = small_model()
    before = next_token_loss(model, counting()).mean()
    entry = Network(layers=2, d_model=32, share=0.1, anneal_until=0.5, learning_rate=0.02, least=0)
    log = train(model, in_random_order(counting(), 16, 0), entry, 150, CPU)
    assert next_token_loss(model, counting()).mean() < 0.2 * before
    for weight, _ in sparse_matrices(model):
        assert int((weight != 0).sum()) == round(0.1 * weight.numel())
    assert log[0]["share"] == 1
    assert log[-1]["share"] == pytest.approx(0.1)


def test_a_stopped_run_goes_on_and_ends_in_the_same_bytes(tmp_path: Path) -> None:
    entry = Network(layers=2, d_model=32, share=0.2, anneal_until=0.5)
    batches = in_random_order(counting(), 16, 0)
    whole, log = small_model(), []
    log = train(whole, batches, entry, 20, CPU)

    class Killed(Exception):
        pass

    def killing(step: int) -> Tensor:
        if step == 10:
            raise Killed
        return batches(step)

    stopped, state = small_model(), Checkpoint(tmp_path / "state.safetensors", "spec", minutes=0)
    with pytest.raises(Killed):
        train(stopped, killing, entry, 20, CPU, state)
    resumed = small_model()
    assert train(resumed, batches, entry, 20, CPU, state) == log
    for (name, one), (_, other) in zip(whole.named_parameters(), resumed.named_parameters(), strict=True):
        assert torch.equal(one, other), name


def test_every_round_over_the_data_sees_all_of_it_in_another_order() -> None:
    data = torch.arange(12).view(12, 1)
    of = in_random_order(data, 4, 0)
    rounds = [torch.cat([of(step) for step in range(begin, begin + 3)]).flatten().tolist() for begin in (0, 3)]
    assert sorted(rounds[0]) == sorted(rounds[1]) == list(range(12))
    assert rounds[0] != rounds[1]


def test_a_diverging_run_is_told() -> None:
    model = small_model()
    with torch.no_grad():
        model.lm_head.weight.fill_(math.nan)
    with pytest.raises(StudyError, match="training diverged at step 0: loss nan; lower learning_rate"):
        train(model, in_random_order(counting(), 16, 0), Network(layers=2, d_model=32), 2, CPU)


def test_a_step_in_passes_has_the_gradients_of_the_whole() -> None:
    model = random_model().requires_grad_(True)
    tokens = torch.randint(0, VOCABULARY, (5, 9), generator=torch.Generator().manual_seed(0))
    weight = model.lm_head.weight
    found = {}
    for passes in (1, 2, 5):
        model.zero_grad()
        loss = backward(model, tokens, passes)
        assert weight.grad is not None
        found[passes] = (loss, weight.grad.clone())
    for passes in (2, 5):
        torch.testing.assert_close(found[passes][0], found[1][0])
        torch.testing.assert_close(found[passes][1], found[1][1])
