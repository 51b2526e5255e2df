"""Attribution methods: exact where the model is linear, and truths of each one's own."""

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig

from sparse_circuits.circuits.attribution.exact_patching import ERROR, exact_effects
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.basis import Coordinates, Features
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.linearised import linearised
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import Edit, run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch
from worlds.networks import TOKENS, UNCAPPED

SITES = [Site("embed"), Site("resid_post", 0), Site("resid_post", 1)]


@pytest.fixture(params=UNCAPPED, ids=lambda config: config.model_type)
def model(request: pytest.FixtureRequest) -> Model:
    config: PreTrainedConfig = request.param
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
        elif "norm" not in name and "ln_" not in name:
            parameter *= 4  # so that norms and nonlinearities have something to do
    return Model("random", model, FAMILIES[config.model_type], 2, 16, 0, torch.device("cpu"))


@pytest.fixture
def batch() -> PairBatch:
    patch = TOKENS.clone()
    patch[:, 2] = 11
    return PairBatch(TOKENS, patch, torch.tensor([[3], [4]]), torch.tensor([[5], [6]]))


def _metric(model: Model, tokens: Tensor, batch: PairBatch, edit: dict[Site, Edit] | None = None) -> Tensor:
    return logit_difference(run(model, tokens, edit=edit, logits="last").logits[:, -1], batch)


def test_a_linearised_model_computes_the_same(model: Model) -> None:
    plain = run(model, TOKENS, logits="last").logits
    with linearised(model):
        assert torch.equal(run(model, TOKENS, logits="last").logits, plain)
    assert torch.equal(run(model, TOKENS, logits="last").logits, plain)


def test_relp_conserves_relevance(model: Model, batch: PairBatch) -> None:
    """Without biases every rule hands on what it gets: activation times gradient, over a cut, is the metric itself."""
    metric = _metric(model, batch.clean, batch)
    found = METHODS["relp"](model, batch, SITES, 1)
    for site in SITES:
        relevance = (found[site].clean * found[site].gradient).sum(dim=(1, 2))
        torch.testing.assert_close(relevance, metric, rtol=1e-4, atol=1e-5)
    plain = METHODS["attribution_patching"](model, batch, SITES, 1)[SITES[0]]
    assert not torch.allclose((plain.clean * plain.gradient).sum(dim=(1, 2)), metric, rtol=0.01, atol=1e-5)


def test_attribution_patching_is_the_slope_at_the_clean_end(model: Model, batch: PairBatch) -> None:
    found = METHODS["attribution_patching"](model, batch, SITES, 1)
    for site in SITES:
        clean, patch, gradient, _ = found[site]
        step = 1e-2
        up, down = (
            _metric(model, batch.clean, batch, {site: lambda x, t=t, by=patch - clean: x + t * by})
            for t in (step, -step)
        )
        slope = (gradient * (patch - clean)).sum(dim=(1, 2))
        torch.testing.assert_close(slope, (up - down) / (2 * step), rtol=0.05, atol=1e-3)


def _without_final_norm(model: Model) -> None:
    """Make all that follows the last layer linear."""
    parent, _, name = model.family.final_norm.rpartition(".")
    setattr(model.network.get_submodule(parent), name, torch.nn.Identity())


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_exact_where_the_rest_of_the_model_is_linear(
    model: Model, batch: PairBatch, method: str
) -> None:
    _without_final_norm(model)
    found = METHODS[method](model, batch, SITES[-1:], 5)[SITES[-1]]
    gap = _metric(model, batch.patch, batch) - _metric(model, batch.clean, batch)
    effect = (found.gradient * (found.patch - found.clean)).sum(dim=(1, 2))
    torch.testing.assert_close(effect, gap, rtol=1e-3, atol=1e-4)


def test_exact_effects_are_those_of_one_node_at_a_time(model: Model, batch: PairBatch) -> None:
    generator = torch.Generator().manual_seed(0)
    W_dec = torch.nn.functional.normalize(torch.randn(40, 16, generator=generator), dim=1)
    features = Features(SparseAutoencoder("topk", W_dec.T.contiguous(), torch.zeros(40), W_dec, torch.zeros(16), k=8))
    for site in (SITES[1], Site("attn_out", 1)):
        clean, patch = (run(model, t, read=[site]).activations[site] for t in (batch.clean, batch.patch))
        change = features.read(patch) - features.read(clean)
        node = int(change.abs().sum(dim=(0, 1)).argmax())
        found = exact_effects(model, batch, site, features, [node, 3, ERROR], 10)
        plain = _metric(model, batch.clean, batch)
        only = change[..., node].unsqueeze(2) * W_dec[node]
        torch.testing.assert_close(
            found[:, 0], _metric(model, batch.clean, batch, {site: lambda x, by=only: x + by}) - plain
        )
        # All features and the error together make the patch's activation.
        whole = patch - clean
        rest = whole - change @ W_dec
        torch.testing.assert_close(
            found[:, 2], _metric(model, batch.clean, batch, {site: lambda x, by=rest: x + by}) - plain
        )


def test_exact_effects_add_up_where_the_rest_of_the_model_is_linear(model: Model, batch: PairBatch) -> None:
    _without_final_norm(model)
    site = SITES[-1]
    found = exact_effects(model, batch, site, Coordinates(16), list(range(16)), 1000)
    gap = _metric(model, batch.patch, batch) - _metric(model, batch.clean, batch)
    torch.testing.assert_close(found.sum(dim=1), gap, rtol=1e-3, atol=1e-4)
