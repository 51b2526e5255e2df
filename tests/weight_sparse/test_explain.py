"""What is said of a circuit's nodes, against a circuit that was built and is known."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sparse_circuits.tasks.pairs import Groups
from sparse_circuits.weight_sparse.choices import Calibration, Masking
from sparse_circuits.weight_sparse.explain import explain, measure, open_gates, separation
from sparse_circuits.weight_sparse.masks import LayerPlace, activations, gated, mean_activations, place_at
from worlds.sparse_models import built_model, built_pairs, random_tokens

READS, VALUE, WRITES, IDLE = (
    (place_at(0, "attn_in"), 2),
    (place_at(0, "attn_v"), 5),
    (place_at(0, "attn_out"), 9),
    (place_at(0, "attn_v"), 20),
)


@pytest.fixture
def masking() -> Masking:
    model = built_model()
    return Masking(model, mean_activations(model, iter([random_tokens(60)])))


def test_claims_are_those_of_the_circuit_that_was_built(masking: Masking) -> None:
    found = explain(masking, built_pairs(60, 0), built_pairs(40, 1), [READS, VALUE, WRITES, IDLE], str)
    claims = {(claim.subject, claim.measure) for claim in found.claims if claim.holds}
    # Channel 2 is read where the first token stands, channel 9 written where the last one does: value 5 carries over.
    assert {
        ("attn_in.0/2", "tells_at_difference"),
        ("attn_v.0/5", "tells_at_difference"),
        ("attn_out.0/9", "tells_at_last"),
    } <= claims
    assert ("attn_in.0/2", "tells_at_last") not in claims
    for node in ("attn_in.0/2", "attn_v.0/5", "attn_out.0/9"):
        assert {(node, "follows"), (node, "lost")} <= claims
        assert found.nodes[node].follows == 1
        assert found.nodes[node].lost == pytest.approx(0.5, abs=0.01)
    assert not any(subject == "attn_v.0/20" for subject, _ in claims)
    assert set(found.heads) == {"0.1", "0.5"}


def test_a_claim_that_fails_on_test_pairs_is_told(masking: Masking) -> None:
    (indices, batch) = built_pairs(40, 1)[0]
    same = batch.clean.clone()
    same[:, 0] = 1
    other = same.clone()
    other[:, 0] = 5  # does not say which answer is right
    test: Groups = [(indices, replace(batch, clean=same, patch=other))]
    found = explain(masking, built_pairs(60, 0), test, [READS, VALUE, WRITES], str)
    (claim,) = [c for c in found.claims if (c.subject, c.measure) == ("attn_in.0/2", "tells_at_difference")]
    assert claim.train == 1
    assert claim.test < 0.95
    assert not claim.holds


def test_attention_is_what_the_model_computes(masking: Masking) -> None:
    """Against the mixed values: with value 1 at the first position alone, a head writes what it attends there."""
    model, nodes = (
        masking.model,
        [(place_at(0, kind), 4 + i) for kind in ("attn_q", "attn_k", "attn_v") for i in range(4)],
    )
    groups = built_pairs(10, 0)
    found = measure(masking, groups, nodes, Calibration()).heads[0, 1]
    batch = groups[0][1]
    prompts = torch.cat([batch.clean, batch.patch])
    seen: list[Tensor] = []
    probe = torch.zeros(5, 24)
    probe[0, 4] = 1.0
    fills = {place: fill.clone() for place, fill in masking.fills.items()}
    kept = _kept(masking, prompts, nodes)
    everything = {
        place: kept[place] if place.kind in ("attn_q", "attn_k") else fills[place] for place in masking.index.widths
    }
    everything[place_at(0, "attn_v")] = probe.expand(len(prompts), 5, 24)
    handle = model.transformer.h[0].attn.c_proj.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    none = torch.zeros(masking.index.count)
    Masking(model, everything).choose(batch, none)
    handle.remove()
    assert found == pytest.approx(seen[0][:, -1, 4].mean().item(), abs=1e-6)


def _kept(masking: Masking, prompts: Tensor, nodes: list[tuple[LayerPlace, int]]) -> dict[LayerPlace, Tensor]:
    with gated(masking.model, masking.index.split(open_gates(masking, nodes)), masking.fills):
        return activations(masking.model, prompts)


def test_separation_is_the_area_under_the_roc_curve() -> None:
    sides = torch.tensor([1.0, 1, -1, -1])
    assert separation(torch.tensor([3.0, 4, 1, 2]), sides) == 1
    assert separation(torch.tensor([1.0, 2, 3, 4]), sides) == 1
    assert separation(torch.tensor([1.0, 3, 2, 4]), sides) == 0.75
    assert separation(torch.tensor([1.0, 1, 1, 1]), sides) == 0.5
    assert separation(torch.tensor([1.0, 2, 3, 4]), torch.ones(4)) == 0.5
