"""Circuits of weight-sparse transformers: what was built is found, and stands by itself as a small model."""

import math

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.search.problem import split_pairs
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.weight_sparse.choices import Calibration, Choices, Masking, calibrate
from sparse_circuits.weight_sparse.circuit import count_edges, edges_of, matrices, nodes_of, without_idle
from sparse_circuits.weight_sparse.compact import CompactModel
from sparse_circuits.weight_sparse.frontier import frontier
from sparse_circuits.weight_sparse.judge import judge, matched
from sparse_circuits.weight_sparse.masks import (
    GateIndex,
    LayerPlace,
    activations,
    frozen_norms,
    gated,
    mean_activations,
    place_at,
    places_of,
)
from sparse_circuits.weight_sparse.pruning import PrunedCircuit, prune_circuit
from worlds.sparse_models import ANSWERS, built_model, built_pairs, random_model, random_tokens


def fills(model: WeightSparseForCausalLM) -> dict[LayerPlace, Tensor]:
    return mean_activations(model, iter(random_tokens(60).split(20)))


def gates_of(model: WeightSparseForCausalLM, share: float) -> dict[LayerPlace, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        place: (torch.rand(width, generator=generator) < share).double() for place, width in places_of(model).items()
    }


def test_with_all_gates_open_the_model_is_as_it_was() -> None:
    model = random_model()
    with gated(model, gates_of(model, 1.1), fills(model)):
        open_logits = model(random_tokens(4)).logits
    torch.testing.assert_close(open_logits, model(random_tokens(4)).logits)


def test_means_are_of_what_stands_at_the_places() -> None:
    model = random_model()
    found = activations(model, random_tokens(60))
    for place, mean in fills(model).items():
        torch.testing.assert_close(mean, found[place].mean(dim=(0, 1)).float())


def test_closed_nodes_are_at_their_fills_and_out_of_abs_topk() -> None:
    model = random_model()
    place, closed = place_at(1, "mlp_neuron"), fills(model)
    gate = {place: torch.ones(48, dtype=torch.float64)}
    gate[place][:40] = 0
    seen: list[Tensor] = []
    down = model.transformer.get_submodule("h.1.mlp.c_proj")
    handle = down.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with gated(model, gate, closed):
        model(random_tokens(4))
    handle.remove()
    assert torch.equal(seen[0][..., :40], closed[place][:40].double().expand(4, 9, 40))
    # Of 48 neurons AbsTopK keeps 12; the 8 open ones are fewer, so all of them stay.
    assert (seen[0][..., 40:] != 0).all()


def test_frozen_norms_divide_by_what_they_do_in_the_whole_model() -> None:
    model = random_model()
    expected = model(random_tokens(4)).logits
    gates = gates_of(model, 0.5)
    closed = {place: torch.zeros(width, dtype=torch.float64) for place, width in places_of(model).items()}
    norm = model.transformer.get_submodule("h.1.ln_2")
    x = torch.randn(4, 9, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with frozen_norms(model, random_tokens(4)):
        torch.testing.assert_close(model(random_tokens(4)).logits, expected)
        frozen = model.transformer.get_submodule("h.1.ln_2")
        torch.testing.assert_close(frozen(3 * x), 3 * frozen(x))  # linear, which RMSNorm is not
        with gated(model, gates, closed):
            masked = model(random_tokens(4)).logits
    assert model.transformer.get_submodule("h.1.ln_2") is norm
    with gated(model, gates, closed):
        assert not torch.allclose(model(random_tokens(4)).logits, masked)


@pytest.mark.parametrize("options", [{}, {"sink": False}, {"bigram": False}, {"active": None}], ids=str)
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.0])
def test_the_compact_model_gives_the_masked_models_logits(options: dict[str, object], share: float) -> None:
    model = random_model(**options)
    gates, closed = gates_of(model, share), {place: fill.double() for place, fill in fills(model).items()}
    with gated(model, gates, closed):
        expected = model(random_tokens(4)).logits[:, -1][:, ANSWERS]
    compact = CompactModel(model, gates, closed, list(ANSWERS)).double()
    torch.testing.assert_close(compact(random_tokens(4)), expected, rtol=0, atol=1e-10)
    assert compact.weights == count_edges(model, gates)
    assert sum(p.numel() for p in compact.parameters()) < 1.2 * sum(p.numel() for p in model.parameters())


def test_edges_are_the_weights_that_gradients_run_through() -> None:
    """Against autograd: an input moves an output of a block exactly by the weights listed."""
    model = random_model(active=None)
    weights = matrices(model)
    x = torch.randn(1, 1, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mlp = model.transformer.get_submodule("h.1.mlp")
    before = mlp.get_submodule("c_fc")(x)
    x[0, 0, 3] += 1
    moved = (mlp.get_submodule("c_fc")(x) - before).flatten()
    torch.testing.assert_close(moved, weights[place_at(1, "mlp_in"), place_at(1, "mlp_neuron")][:, 3])
    gates = gates_of(model, 0.2)
    listed = edges_of(model, gates)
    assert len(listed) == count_edges(model, gates)
    known = {f"{place}/{index}" for place, index in nodes_of(gates)}
    assert all(edge.source in known and edge.target in known for edge in listed)


def test_nodes_that_nothing_reads_are_closed() -> None:
    model = random_model()
    model.transformer.get_submodule("h.0.mlp.c_proj").get_parameter("weight")[:, 7] = 0
    gates = without_idle(model, gates_of(model, 1.1))
    assert gates[place_at(0, "mlp_neuron")].tolist() == [float(index != 7) for index in range(48)]
    none = without_idle(model, {**gates_of(model, 1.1), place_at(0, "mlp_out"): torch.zeros(24, dtype=torch.float64)})
    assert not none[place_at(0, "mlp_neuron")].any()
    assert not none[place_at(0, "mlp_in")].any()


def test_a_query_and_its_key_share_a_gate() -> None:
    index = GateIndex.of(random_model())
    flat = torch.arange(float(index.count))
    parts = index.split(flat)
    assert torch.equal(parts[place_at(0, "attn_q")], parts[place_at(0, "attn_k")])
    assert torch.equal(index.join(parts), flat)
    assert index.count == 2 * (4 * 24 + 2 * 24 + 48)


@pytest.fixture(scope="module")
def pruned() -> tuple[Masking, PrunedCircuit]:
    masking = Masking(model := built_model(), fills(model))
    return masking, prune_circuit(
        masking, built_pairs(80, 0), PruneTask(study="test", task="built", steps=120, prices=[0.01], target=0.3)
    )


def test_the_circuit_that_was_built_is_the_one_that_is_found(pruned: tuple[Masking, PrunedCircuit]) -> None:
    masking, found = pruned
    gates = masking.index.split(found.gates)
    nodes = {f"{place}/{index}" for place, index in nodes_of(gates)}
    assert nodes >= {"attn_in.0/2", "attn_v.0/5", "attn_out.0/9"}
    assert len(nodes) <= 4
    ends = {(edge.source, edge.target) for edge in edges_of(masking.model, gates)}
    assert ends >= {("attn_in.0/2", "attn_v.0/5"), ("attn_v.0/5", "attn_out.0/9")}


def test_without_any_of_its_gates_the_circuit_misses_the_target(pruned: tuple[Masking, PrunedCircuit]) -> None:
    masking, found = pruned
    for gate in found.gates.nonzero().flatten().tolist():
        fewer = found.gates.clone()
        fewer[gate] = 0
        losses = [
            masking.choices(part, fewer).calibrated(calibrate(masking.choices(part, fewer))).task_loss.item()
            for part in split_pairs(built_pairs(80, 0), 0.25)
        ]
        assert max(losses) > 0.3


def test_the_circuit_does_the_task_and_nothing_else_does(pruned: tuple[Masking, PrunedCircuit]) -> None:
    masking, found = pruned
    judged = judge(masking, {"train": built_pairs(80, 0), "test": built_pairs(40, 1)}, found, 5, 0)
    for accuracy in ("accuracy", "raw_accuracy"):
        assert getattr(judged, accuracy).circuit == getattr(judged, accuracy).model == 1
    assert judged.accuracy.complement == pytest.approx(0.5, abs=0.2)
    assert judged.accuracy.random == pytest.approx(0.5, abs=0.2)
    assert judged.task_loss.circuit <= 0.3
    assert judged.ablations.resample.accuracy == 1


def test_a_task_that_the_model_does_not_do_is_told() -> None:
    model = built_model()
    model.lm_head.weight[list(ANSWERS)] = 0
    with pytest.raises(StudyError, match=r"the model's own task loss is 0\.\d+, above the target of 0\.3"):
        prune_circuit(
            Masking(model, fills(model)), built_pairs(40, 0), PruneTask(study="test", task="built", target=0.3)
        )


def test_random_circuits_have_as_many_nodes_at_every_place() -> None:
    index = GateIndex.of(random_model())
    gates = (torch.rand(index.count, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    other = matched(gates, index, torch.Generator().manual_seed(1))
    assert not torch.equal(gates, other)
    for place, part in index.split(gates).items():
        assert part.sum() == index.split(other)[place].sum()


def test_chance_is_log_2_and_calibration_finds_scale_and_shift() -> None:
    zero = Choices(torch.zeros(6), torch.tensor([1.0, -1, 1, -1, 1, -1]))
    assert zero.task_loss.item() == pytest.approx(math.log(2))
    generator = torch.Generator().manual_seed(0)
    sides = torch.where(torch.arange(4000) % 2 == 0, 1.0, -1.0)
    # Logit differences that are 5 times too large and 2 too high for one side.
    true = torch.randn(4000, generator=generator) * 2
    side = torch.where(torch.rand(4000, generator=generator) < true.sigmoid(), 1.0, -1.0)
    found = calibrate(Choices(5 * (true * side) + 2 * side, side))
    assert found.scale == pytest.approx(0.2, rel=0.1)
    assert found.shift == pytest.approx(-0.4, abs=0.1)
    assert Choices(torch.tensor([3.0]), sides[:1]).calibrated(Calibration(2, 1)).task_loss.item() == pytest.approx(
        math.log1p(math.exp(-7))
    )


def test_choices_are_of_both_prompts_of_a_pair() -> None:
    model = built_model()
    found = Masking(model, {}).choices(built_pairs(10, 0))
    assert len(found.differences) == 20
    assert found.accuracy == 1


@pytest.mark.parametrize("share", [1.0, 0.3, 0.0])
def test_choices_under_gates_are_those_of_the_masked_model(share: float) -> None:
    masking = Masking(model := random_model().float(), fills(model))
    gates = masking.index.join({place: gate.float() for place, gate in gates_of(model, share).items()})
    groups = built_pairs(10, 0)
    expected = masking.choose(groups[0][1], gates)
    found = masking.choices(groups, gates)
    torch.testing.assert_close(found.differences, expected.differences, rtol=0, atol=1e-4)
    assert torch.equal(found.sides, expected.sides)


def test_the_frontier_sets_each_sparse_model_beside_its_nearest_dense_one() -> None:
    losses = {"sparse": 3.5, "small": 3.52, "large": 3.0}
    edges = {
        "sparse": {"a": 10, "b": 0, "c": 5, "d": 0},
        "small": {"a": 40, "b": 9, "d": 0},
        "large": {"a": 100, "b": 1, "c": 7, "d": 0},
    }
    bisected = {**edges, "small": {"a": 160, "b": 9, "d": 0}}
    found = frontier(losses, edges, bisected, ["sparse"], ["small", "large"])
    (pair,) = found.pairs
    assert (pair.dense, pair.matched) == ("small", True)
    assert pair.geometric_mean_ratio == pytest.approx((4 * 9) ** 0.5)
    assert pair.geometric_mean_ratio_bisected == pytest.approx((16 * 9) ** 0.5)
    assert pair.without_circuit == ["d"]
    assert found.shared_tasks == ["a", "b"]
    assert found.models[2].geometric_mean_edges == pytest.approx(10)
