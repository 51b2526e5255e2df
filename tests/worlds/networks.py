"""Networks of random weights: one of each family of language models, and image classifiers."""

import torch
from transformers import (
    AutoModelForCausalLM,
    CLIPConfig,
    CLIPForImageClassification,
    Dinov2Config,
    Dinov2ForImageClassification,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    ViTConfig,
    ViTForImageClassification,
)

from sparse_circuits.circuits.basis import Features
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.models.weight_sparse import WeightSparseConfig
from sparse_circuits.sae.autoencoder import SparseAutoencoder

TOKENS = torch.tensor([[0, 5, 6, 7], [0, 9, 8, 3]])
SMALL = {"vocab_size": 50, "num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}
LLAMA_LIKE = {**SMALL, "num_key_value_heads": 2, "head_dim": 8}
CONFIGS = [
    LlamaConfig(**LLAMA_LIKE),
    Qwen2Config(**LLAMA_LIKE),
    Qwen3Config(**LLAMA_LIKE),
    Gemma2Config(**LLAMA_LIKE, query_pre_attn_scalar=8),
    GPTNeoXConfig(**SMALL),
    GPT2Config(vocab_size=50, n_layer=2, n_embd=16, n_head=2),
    WeightSparseConfig(**SMALL, head_dim=8, active=None),
]


# Capped logits are no linear function of the last activation.
UNCAPPED = [
    Gemma2Config(**LLAMA_LIKE, query_pre_attn_scalar=8, final_logit_softcapping=None)
    if isinstance(config, Gemma2Config)
    else config
    for config in CONFIGS
]


D = 16
RESIDUAL = [Site("resid_post", 0), Site("resid_post", 1)]
TRIANGLE = [Site(kind, layer) for layer in (0, 1) for kind in ("attn_out", "mlp_out", "resid_post")]


SIZES = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    **{"image_size": 8, "patch_size": 4},
}
READS = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 20}


def language(config: PreTrainedConfig) -> Model:
    """A language model of random weights, large enough that norms and nonlinearities have something to do."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "norm" not in name and "ln_" not in name:
            parameter *= 4
    return Model("random", model, FAMILIES[config.model_type], 2, D, 0, torch.device("cpu"))


def features(seed: int, reads: Site | None = None, k: int = 5) -> Features:
    """An autoencoder of random directions; a transcoder where it reads another site."""
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(24, D, generator=generator), dim=1)
    W_enc = torch.randn(D, 24, generator=generator)
    kind = "topk_transcoder" if reads else "topk"
    sae = SparseAutoencoder(kind, W_enc, torch.zeros(24), W_dec, torch.zeros(D), k=k, centred=reads is None)
    return Features(sae, reads)


def vit() -> PreTrainedModel:
    return ViTForImageClassification(ViTConfig(**SIZES, num_labels=3, initializer_range=0.3))


def dinov2() -> PreTrainedModel:
    config = Dinov2Config(**SIZES, mlp_ratio=2, num_labels=3, initializer_range=0.3, layerscale_value=0.7)
    return Dinov2ForImageClassification(config)


def clip() -> PreTrainedModel:
    config = CLIPConfig(vision_config=SIZES, text_config=READS, num_labels=3, initializer_factor=8.0)
    return CLIPForImageClassification(config)
