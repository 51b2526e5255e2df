"""Hooks read without changing, start where they say, and stop early."""

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from worlds.networks import CONFIGS, TOKENS

SITES = [
    Site("embed"),
    *(
        Site(kind, layer)
        for layer in (0, 1)
        for kind in ("heads", "attn_out", "mlp_in", "mlp_neurons", "mlp_out", "resid_post")
    ),
]


@pytest.fixture(params=CONFIGS, ids=lambda config: config.model_type)
def model(request: pytest.FixtureRequest) -> Model:
    config: PreTrainedConfig = request.param
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    return Model("random", model, FAMILIES[config.model_type], 2, 16, 0, torch.device("cpu"))


@torch.no_grad()
def test_reading_leaves_the_logits_as_they_are(model: Model) -> None:
    plain = model.network(TOKENS).logits
    got = run(model, TOKENS, read=SITES, logits="last")
    torch.testing.assert_close(got.logits, plain[:, -1:], rtol=1e-6, atol=1e-6)
    assert set(got.activations) == set(SITES)


@torch.no_grad()
def test_starting_at_a_site_continues_the_same_computation(model: Model) -> None:
    whole = run(model, TOKENS, read=[Site("resid_post", 0)], logits="last")
    rest = run(model, TOKENS, start=(Site("resid_post", 0), whole.activations[Site("resid_post", 0)]), logits="last")
    assert torch.equal(rest.logits, whole.logits)
    assert torch.equal(run(model, TOKENS, logits="last").logits, whole.logits), (
        "the skipped layers must be back in place"
    )


@torch.no_grad()
def test_the_residual_stream_is_the_sum_of_what_is_written_to_it(model: Model) -> None:
    got = run(model, TOKENS, read=SITES).activations
    written = got[Site("embed")]
    for layer in (0, 1):
        written = written + got[Site("attn_out", layer)] + got[Site("mlp_out", layer)]
    torch.testing.assert_close(written, got[Site("resid_post", 1)], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_mlp_makes_its_output_of_what_it_reads(model: Model) -> None:
    got = run(model, TOKENS, read=SITES).activations
    for number, layer in enumerate(model.network.get_submodule(model.family.layers)):
        made = layer.mlp(got[Site("mlp_in", number)])
        if hasattr(layer, "post_feedforward_layernorm"):
            made = layer.post_feedforward_layernorm(made)
        torch.testing.assert_close(made, got[Site("mlp_out", number)])


@torch.no_grad()
def test_without_logits_the_layers_after_the_last_site_do_not_run(model: Model) -> None:
    ran = []
    layers = model.network.get_submodule(model.family.layers)
    handle = layers[1].register_forward_hook(lambda *_: ran.append(1))
    run(model, TOKENS, read=[Site("resid_post", 0)])
    handle.remove()
    assert not ran


@torch.no_grad()
def test_last_logits_are_those_of_the_last_position(model: Model) -> None:
    last, whole = (run(model, TOKENS, logits=which).logits for which in ("last", "all"))
    torch.testing.assert_close(last[:, 0], whole[:, -1])


@torch.no_grad()
def test_an_edit_is_felt_downstream_only(model: Model) -> None:
    plain = run(model, TOKENS, read=SITES).activations
    edited = run(model, TOKENS, read=SITES, edit={Site("mlp_out", 0): lambda x: x + 1}).activations
    torch.testing.assert_close(edited[Site("mlp_out", 0)], plain[Site("mlp_out", 0)] + 1)
    assert torch.equal(edited[Site("mlp_neurons", 0)], plain[Site("mlp_neurons", 0)])
    assert not torch.allclose(edited[Site("resid_post", 1)], plain[Site("resid_post", 1)])
