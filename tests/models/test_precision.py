"""Where bf16 is fast, models multiply in it; autoencoders encode in fp32, and logits and all made of them are fp32."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedConfig

from sparse_circuits.base import compute
from sparse_circuits.config.site import Site
from sparse_circuits.models.classifiers import ImageClassifier
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.models.mobilenet import MobileNet, MobileNetConfig
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.models.run import run
from sparse_circuits.models.vision_transformer import VisionTransformer, VisionTransformerConfig
from sparse_circuits.sae import sparse
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.sparse import pre_activations
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch
from sparse_circuits.weight_sparse.training import held_out_loss
from worlds.networks import CONFIGS, TOKENS, clip, dinov2, vit

CPU = torch.device("cpu")
SITE = Site("resid_post", 0)
SMALL_MOBILENET = {"classes": 3, "stem": 4, "stages": ((1, 4, 1, 1), (2, 6, 1, 2)), "hidden_size": 12}


@pytest.fixture(autouse=True)
def _fast_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (compute, sparse):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda _: True)


def _language(model: Any, width: int) -> Model:
    model = model.eval().requires_grad_(False)
    return Model("random", model, FAMILIES[model.config.model_type], 2, width, 0, CPU)


def _vision(kind: str) -> tuple[Model, Tensor]:
    images = torch.randint(0, 256, (2, 8, 8, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8).numpy()
    tokens = torch.from_numpy(to_tokens(images, torch.tensor([0, 1]).numpy(), 3)).long()
    if kind == "mobilenet":
        return _language(MobileNet(MobileNetConfig(image=(8, 8, 3), **SMALL_MOBILENET)), 12), tokens
    if kind == "small_vit":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "head_dim": 8, "num_attention_heads": 2}
        config = VisionTransformerConfig(image=(8, 8, 3), classes=3, intermediate_size=24, **sizes)
        return _language(VisionTransformer(config), 16), tokens
    return _language(ImageClassifier({"vit": vit, "dinov2": dinov2, "clip": clip}[kind]()), 16), tokens


@pytest.fixture(
    params=[*CONFIGS, "small_vit", "mobilenet", "vit", "dinov2", "clip"],
    ids=lambda kind: kind if isinstance(kind, str) else kind.model_type,
)
def model(request: pytest.FixtureRequest) -> tuple[Model, Tensor]:
    """Every family, and a batch of tokens for it."""
    torch.manual_seed(0)
    if isinstance(request.param, PreTrainedConfig):
        return _language(AutoModelForCausalLM.from_config(request.param), 16), TOKENS
    return _vision(request.param)


@torch.no_grad()
def test_logits_are_the_fp32_unembedding_of_the_last_activation(model: tuple[Model, Tensor]) -> None:
    model, tokens = model
    seen: dict[str, Tensor] = {}

    def look(_: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.update(hidden=inputs[0], unembedded=output)

    unembed: Any = model.network.get_output_embeddings()
    handle = unembed.register_forward_hook(look)
    logits = run(model, tokens, logits="last").logits
    handle.remove()
    assert seen["hidden"].dtype == torch.float32
    expected = torch.nn.functional.linear(seen["hidden"].contiguous(), unembed.weight, unembed.bias)
    assert torch.equal(seen["unembedded"], expected)
    assert logits.dtype == torch.float32
    assert (logits != logits.bfloat16()).float().mean() > 0.9, "no steps of bf16"
    assert "forward" not in vars(unembed), "the model is left as it was"


def test_gradients_of_a_metric_flow_through_the_unembedding(model: tuple[Model, Tensor]) -> None:
    model, tokens = model
    batch = PairBatch(tokens, tokens, torch.tensor([[1], [1]]), torch.tensor([[2], [0]]))
    gradients = []
    for fast in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compute, "has_fast_bfloat16", lambda _, fast=fast: fast)
            got = run(model, tokens, read=[SITE], edit={SITE: lambda x: x.requires_grad_()}, logits="last")
            metric = logit_difference(got.logits[:, -1], batch).sum()
            gradients.append(torch.autograd.grad(metric, got.activations[SITE])[0])
    ours, exact = gradients
    assert exact.abs().max() > 0
    assert (ours - exact).norm() < 0.2 * exact.norm()


def _autoencoder(k: int | None, width: int = 400, d: int = 64) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(0)
    W_enc, b_enc, W_dec = (torch.randn(*shape, generator=generator) for shape in ((d, width), (width,), (width, d)))
    if k is not None:
        return SparseAutoencoder("topk", W_enc, b_enc, W_dec, torch.zeros(d), k=k)
    return SparseAutoencoder("jumprelu", W_enc, b_enc, W_dec, torch.zeros(d), threshold=torch.full((width,), 4.0))


@pytest.mark.parametrize("k", [None, 32])
def test_features_are_those_of_fp64_products(k: int | None) -> None:
    """The same values to fp32's rounding and the same ones active, but for ties that fp32 cannot tell apart."""
    sae = _autoencoder(k)
    x = torch.randn(200, 64, generator=torch.Generator().manual_seed(1))
    exact = x.double() @ sae.W_enc.double() + sae.b_enc.double()
    border = torch.full((200, 1), 4.0) if k is None else exact.topk(32).values[:, -1:]
    expected = torch.where(exact >= border, exact, 0).relu()
    sure = (exact - border).abs() > 1e-6 * exact.abs().amax(dim=1, keepdim=True)
    if k is not None:
        sure |= exact >= border
    found = sae.encode(x)
    torch.testing.assert_close(found[sure].double(), expected[sure], rtol=1e-5, atol=1e-5)
    assert (pre_activations(x, sae.W_enc.T, sae.b_enc) - exact).abs().max() > 1e-2, "training multiplies in bf16"


@torch.no_grad()
def test_an_autoencoder_within_a_pass_encodes_as_it_does_outside() -> None:
    torch.manual_seed(0)
    model = _language(AutoModelForCausalLM.from_config(CONFIGS[0]), 16)
    sae = _autoencoder(4, 40, 16)
    x = run(model, TOKENS, read=[SITE]).activations[SITE]
    got = run(model, TOKENS, read=[SITE], edit={SITE: sae.reconstruct}).activations[SITE]
    assert torch.equal(got, sae.reconstruct(x))


def test_the_loss_of_a_weight_sparse_model_is_of_fp32_logits() -> None:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(CONFIGS[-1]).eval().requires_grad_(False)
    model = _language(network, 16)
    last = Site("resid_post", 1)
    logits = network.unembed(run(model, TOKENS, read=[last]).activations[last], TOKENS)
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), TOKENS[:, 1:].flatten())
    assert held_out_loss(network, TOKENS, 2) == pytest.approx(loss.item(), rel=1e-6)
