"""Weight-sparse transformers that OpenAI released: beeg_config.json, final_model.pt and the tinypython tokenizer.

Format: openai/circuit_sparsity, `inference/gpt.py` (commit 8a029a3).
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers.models import BPE
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.base.state_dict import read_state_dict
from sparse_circuits.models.byte_level import byte_level
from sparse_circuits.models.weight_sparse import PLACES, WeightSparseConfig, WeightSparseForCausalLM

CONFIG, WEIGHTS = "beeg_config.json", "final_model.pt"
# What of that code is not ours, with the value in which it makes no difference.
UNKNOWN = {"d_pos_emb": None, "residual_activation_type": "identity", "rms_norm": True}


def load_csp(folder: Path) -> WeightSparseForCausalLM:
    """Return the model of a released folder; raise StudyError naming the setting or weight that is not known here."""
    settings = read_json(folder / CONFIG)
    for key, value in UNKNOWN.items():
        if settings.get(key, False if key == "rms_norm" else value) != value:
            raise StudyError(f"{folder / CONFIG}: `{key}` is {settings.get(key)!r}; only {value!r} is known")
    state = read_state_dict(folder / WEIGHTS)
    model = WeightSparseForCausalLM(_config(settings, state, folder))
    wanted = model.state_dict()
    if settings.get("tied_unembed", True):
        state["transformer.wte.weight"] = state["lm_head.weight"]
    unneeded = (".attn.bias", "wpe.weight")  # the causal mask, and positions that are all 0
    if unknown := sorted(name for name in state.keys() - wanted.keys() if not name.endswith(unneeded)):
        raise StudyError(f"{folder / WEIGHTS}: unknown weight {unknown[0]}")
    for name, tensor in wanted.items():
        # Biases are 0 where the model has none, as is what is added to logits.
        optional = name == "final_logits_bias" or (name.endswith("bias") and not settings.get("bias", True))
        found = state.get(name, torch.zeros_like(tensor) if optional else None)
        if found is None or found.shape != tensor.shape:
            shape = "no such weight" if found is None else f"shape {tuple(found.shape)}"
            raise StudyError(f"{folder / WEIGHTS}: {name}: {shape}, expected shape {tuple(tensor.shape)}")
        wanted[name] = found
    model.load_state_dict(wanted)
    return model.eval()


def load_csp_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer of a released folder, a byte-level BPE that cuts text as GPT-2's."""
    bpe = BPE.from_file(str(folder / "encoder.json"), str(folder / "vocab.bpe"))
    return PreTrainedTokenizerFast(tokenizer_object=byte_level(bpe))


def _config(settings: dict[str, Any], state: dict[str, Tensor], folder: Path) -> WeightSparseConfig:
    width = settings["d_model"]
    share = settings.get("afrac")
    places = settings.get("afrac_loctypes", "attn_in,attn_out,mlp_in,mlp_out").split(",")
    if share is not None and (strange := [place for place in places if place not in PLACES]):
        raise StudyError(f"{folder / CONFIG}: `afrac_loctypes` names {strange[0]}; known are {', '.join(PLACES)}")
    positions = state.get("transformer.wpe.weight")
    return WeightSparseConfig(
        vocab_size=settings["vocab_size"],
        hidden_size=width,
        num_hidden_layers=settings["n_layer"],
        head_dim=settings.get("d_head") or width // settings["n_head"],
        num_attention_heads=settings["n_head"],
        intermediate_size=settings.get("d_mlp") or settings.get("n_mlp") or 4 * width,
        max_position_embeddings=settings["block_size"],
        active=share,
        active_at=tuple(places),
        activation=settings.get("activation_type", "gelu"),
        sink=settings.get("sink", False),
        bigram=settings.get("enable_bigram_table", False),
        positions=positions is not None and bool(positions.any()),
    )
