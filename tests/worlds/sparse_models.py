"""Small weight-sparse transformers: one of random weights, and one whose circuit is known because it was built."""

from typing import Any

import torch
from torch import Tensor

from sparse_circuits.models.weight_sparse import WeightSparseConfig, WeightSparseForCausalLM
from sparse_circuits.tasks.pairs import Groups, PairBatch

VOCABULARY = 30
ANSWERS = (3, 7)  # what follows a prompt that begins with token 1, and one that begins with token 2


def random_model(**options: Any) -> WeightSparseForCausalLM:
    """A model of two layers in fp64, all of whose weights are far from 0."""
    config = {
        "vocab_size": VOCABULARY,
        "hidden_size": 24,
        "head_dim": 4,
        "num_attention_heads": 6,
        "intermediate_size": 48,
        "max_position_embeddings": 16,
        **options,
    }
    model = WeightSparseForCausalLM(WeightSparseConfig(**config)).double().eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.5)
    return model


@torch.no_grad()
def built_model() -> WeightSparseForCausalLM:
    """A model of one layer in which value channel 5 carries residual channel 2 of the first token to channel 9.

    Token 1 is +1 in channel 2 and token 2 is -1; the unembedding reads channel 9 as the first answer against the
    second. All else is small noise that says nothing of the first token: other tokens' embeddings, an MLP, and heads
    that read other channels.
    """
    config = WeightSparseConfig(
        vocab_size=VOCABULARY,
        hidden_size=24,
        num_hidden_layers=1,
        head_dim=4,
        num_attention_heads=6,
        intermediate_size=48,
        max_position_embeddings=16,
        active=None,
        bigram=False,
    )
    model = WeightSparseForCausalLM(config).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    for norm in (model.transformer.h[0].ln_1, model.transformer.h[0].ln_2, model.transformer.ln_f):
        norm.weight.fill_(1.0)
    embedding, attention = model.transformer.wte.weight, model.transformer.h[0].attn
    # Large beside what the circuit writes: or the last norm would make its size all but irrelevant.
    embedding.copy_(torch.randn(embedding.shape, generator=generator))
    embedding[:, [2, 9]] = 0.0
    embedding[1, 2], embedding[2, 2] = 1.0, -1.0
    attention.c_attn.weight[:, 2] = 0.0
    attention.c_attn.weight[2 * 24 + 5, 2] = 1.0
    attention.c_proj.weight[:, 5] = 0.0
    attention.c_proj.weight[9, 5] = 5.0
    model.transformer.h[0].mlp.c_proj.weight[9] = 0.0
    model.lm_head.weight[:, 9] = 0.0
    model.lm_head.weight[ANSWERS[0], 9], model.lm_head.weight[ANSWERS[1], 9] = 0.4, -0.4
    return model


def built_pairs(count: int, seed: int) -> Groups:
    """Prompts of five tokens that begin with 1 (clean) or 2 (patch) and go on alike, half of them turned round."""
    rest = torch.randint(10, VOCABULARY, (count, 4), generator=torch.Generator().manual_seed(seed))
    sides = [torch.cat([torch.full((count, 1), first), rest], dim=1) for first in (1, 2)]
    answers = [torch.full((count, 1), answer) for answer in ANSWERS]
    turned = torch.arange(count) % 2 == 1
    clean, patch = (torch.where(turned[:, None], *sides[::step]) for step in (-1, 1))
    right, wrong = (torch.where(turned[:, None], *answers[::step]) for step in (-1, 1))
    return [(list(range(count)), PairBatch(patch, clean, wrong, right))]


def random_tokens(count: int, seed: int = 0) -> Tensor:
    """Sequences (count, 9) of tokens."""
    return torch.randint(0, VOCABULARY, (count, 9), generator=torch.Generator().manual_seed(seed))
