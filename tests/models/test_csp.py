"""Models in the format that OpenAI released its weight-sparse transformers in, computed as its code describes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.catalogue import ModelEntry
from sparse_circuits.models.convert import convert
from sparse_circuits.models.csp import load_csp
from sparse_circuits.models.load import load_model, load_tokenizer

CONFIG = {
    "block_size": 16,
    "vocab_size": 260,
    "n_layer": 2,
    "n_head": 3,
    "d_head": 4,
    "d_model": 12,
    "n_mlp": 20,
    "dropout": 0.0,
    "bias": True,
    "ln_bias": False,
    "rms_norm": True,
    "residual_activation_type": "identity",
    "activation_type": "gelu",
    "afrac": 0.25,
    "afrac_loctypes": "attn_in,attn_out,mlp_in,mlp_out,mlp_neuron,attn_v,attn_k,attn_q",
    "tied_unembed": False,
    "tokenizer_name": "tinypython_2k",
    "enable_bigram_table": True,
    "learnable_bigram_table": True,
    "bigram_table_rank": None,
    "d_pos_emb": None,
    "sink": True,
}


def weights(config: dict[str, Any]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    d, heads, mlp, vocabulary = 12, 12, 20, config["vocab_size"]
    state = {
        "transformer.wte.weight": random(vocabulary, d),
        "transformer.wpe.weight": random(16, d),
        "transformer.ln_f.weight": random(d),
        "lm_head.weight": random(vocabulary, d),
        "final_logits_bias": random(vocabulary),
        "bigram_table": random(vocabulary, vocabulary),
    }
    for layer in range(2):
        state |= {
            f"transformer.h.{layer}.{name}": random(*shape)
            for name, shape in {
                "ln_1.weight": (d,),
                "attn.c_attn.weight": (3 * heads, d),
                "attn.c_attn.bias": (3 * heads,),
                "attn.c_proj.weight": (d, heads),
                "attn.c_proj.bias": (d,),
                "attn.attn_imp.sink_logit": (3,),
                "ln_2.weight": (d,),
                "mlp.c_fc.weight": (mlp, d),
                "mlp.c_fc.bias": (mlp,),
                "mlp.c_proj.weight": (d, mlp),
                "mlp.c_proj.bias": (d,),
            }.items()
        }
    return state


def expected(state: dict[str, Tensor], tokens: list[int]) -> Tensor:
    """The logits after each token of one prompt, computed token by token and head by head, in fp64."""
    w = {name: tensor.double() for name, tensor in state.items()}

    def largest(x: Tensor) -> Tensor:
        kept = x.abs().argsort(descending=True)[: int(0.25 * len(x))]
        return torch.zeros_like(x).index_copy(0, kept, x[kept])

    def norm(x: Tensor, scale: Tensor) -> Tensor:
        return x / (x.square().mean() + torch.finfo(torch.float32).eps).sqrt() * scale

    x = [w["transformer.wte.weight"][token] + w["transformer.wpe.weight"][place] for place, token in enumerate(tokens)]
    for layer in range(2):
        p = {name.split(f"h.{layer}.")[1]: tensor for name, tensor in w.items() if f"h.{layer}." in name}
        read = [largest(norm(one, p["ln_1.weight"])) for one in x]
        qkv = [p["attn.c_attn.weight"] @ one + p["attn.c_attn.bias"] for one in read]
        q, k, v = ([largest(one[part : part + 12]) for one in qkv] for part in (0, 12, 24))
        for place in range(len(tokens)):
            mixed = []
            for head in range(3):
                part = slice(4 * head, 4 * head + 4)
                scores = [q[place][part] @ k[other][part] / 2 for other in range(place + 1)]
                share = torch.stack([p["attn.attn_imp.sink_logit"][head], *scores]).softmax(dim=0)[1:]
                mixed.append(sum(s * v[other][part] for other, s in enumerate(share)))
            x[place] = x[place] + largest(p["attn.c_proj.weight"] @ torch.cat(mixed) + p["attn.c_proj.bias"])
        for place, one in enumerate(x):
            up = p["mlp.c_fc.weight"] @ largest(norm(one, p["ln_2.weight"])) + p["mlp.c_fc.bias"]
            down = p["mlp.c_proj.weight"] @ largest(F.gelu(up)) + p["mlp.c_proj.bias"]
            x[place] = one + largest(down)
    last = torch.stack([norm(one, w["transformer.ln_f.weight"]) for one in x])
    return last @ w["lm_head.weight"].T + w["final_logits_bias"] + w["bigram_table"][tokens]


def release(folder: Path, state: dict[str, Tensor] | None = None, **changed: Any) -> Path:
    """A folder as it was released, of a small model, and of a tokenizer of bytes and a few merges."""
    folder.mkdir()
    config = {**CONFIG, **changed}
    (folder / "beeg_config.json").write_text(json.dumps(config))
    torch.save(weights(config) if state is None else state, folder / "final_model.pt")
    letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte_names = [chr(b) for b in letters] + [chr(256 + n) for n in range(256 - len(letters))]
    merges = ["a b", "ab c", "Ġ ="]
    (folder / "vocab.bpe").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    tokens = ["<|endoftext|>", *byte_names, *(merge.replace(" ", "") for merge in merges)]
    (folder / "encoder.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}), encoding="utf-8")
    return folder


def test_a_released_model_computes_what_its_code_describes(tmp_path: Path) -> None:
    model = load_csp(release(tmp_path / "csp")).double()
    tokens = [3, 250, 17, 17, 90, 4, 1]
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor([tokens])).logits[0], expected(weights(CONFIG), tokens))


def test_a_released_model_becomes_an_ordinary_folder(tmp_path: Path) -> None:
    entry = ModelEntry.model_validate(
        {
            "licence": "Apache-2.0",
            "format": "csp",
            "num_layers": 2,
            "d_model": 12,
            "document_separator": "<|endoftext|>",
            "sources": [{"kind": "url", "url": "https://example.org/x", "sha256": "0" * 64}],
        }
    )
    convert("csp-test", entry, release(tmp_path / "csp"), tmp_path / "model")
    model = load_model(tmp_path / "model", torch.device("cpu"))
    tokens = load_tokenizer(tmp_path / "model").encode("abc = 1")
    assert len(tokens) == 4
    torch.testing.assert_close(
        model.network(torch.tensor([tokens])).logits[0].double(),
        expected(weights(CONFIG), tokens),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"d_pos_emb": 8}, "`d_pos_emb` is 8; only None is known"),
        ({"rms_norm": False}, "`rms_norm` is False; only True is known"),
        ({"afrac_loctypes": "attn_in,resid_post_mlp"}, "`afrac_loctypes` names resid_post_mlp; known are attn_in, "),
        ({"n_mlp": 24}, r"mlp.c_fc.weight: shape \(20, 12\), expected shape \(24, 12\)"),
    ],
)
def test_what_is_not_known_is_told(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=message):
        load_csp(release(tmp_path / "csp", **changed))


def test_a_missing_weight_is_told(tmp_path: Path) -> None:
    state = weights(CONFIG)
    del state["transformer.h.1.attn.attn_imp.sink_logit"]
    with pytest.raises(StudyError, match=r"h.1.attn.attn_imp.sink_logit: no such weight, expected shape \(3,\)"):
        load_csp(release(tmp_path / "csp", state))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "csp")
    torch.save({"transformer.wte.weight": Path("x")}, folder / "final_model.pt")
    with pytest.raises(StudyError, match=r"final_model\.pt: not a dictionary of tensors"):
        load_csp(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("transformer.h.2.mlp.c_fc.weight", "unknown weight transformer.h.2.mlp.c_fc.weight"),
        ("transformer.h.0.mlp.c_fc.weight", "transformer.h.0.mlp.c_fc.weight is of type torch.int8, expected plain"),
    ],
)
def test_a_weight_that_is_unknown_or_quantised_is_told(name: str, message: str, tmp_path: Path) -> None:
    state = {**weights(CONFIG), name: torch.zeros(20, 12, dtype=torch.int8 if ".0." in name else None)}
    with pytest.raises(StudyError, match=message):
        load_csp(release(tmp_path / "csp", state))


def test_biases_may_lack_only_where_the_settings_say_so(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in weights(CONFIG).items() if not name.endswith(".bias")}
    load_csp(release(tmp_path / "without", state, bias=False))
    with pytest.raises(StudyError, match=r"attn.c_attn.bias: no such weight"):
        load_csp(release(tmp_path / "with", state))
