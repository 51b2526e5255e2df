"""A checkpoint is read whole, or refused in one line; a model's tokens are those that its own files say."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3Config,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
)

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.config.catalogue import ModelEntry
from sparse_circuits.config.site import Site
from sparse_circuits.models.convert import convert
from sparse_circuits.models.load import load_model, load_tokenizer, site_widths
from worlds.checkout import ROOT

TINY = ROOT / "tests/fixtures/tiny-llama"
MLP = "model.layers.1.mlp.up_proj.weight"
Weights = dict[str, torch.Tensor]


def entry(**changed: Any) -> ModelEntry:
    source = {"kind": "file", "folder": ".", "files": {"config.json": "0" * 64}}
    facts = {"licence": "MIT", "format": "huggingface", "document_separator": "<|endoftext|>", "sources": [source]}
    return ModelEntry.model_validate({**facts, **changed})


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "fetched"))


def change(path: Path, **changed: Any) -> None:
    write_json(path, {**read_json(path), **changed})


def logits(folder: Path, tokens: list[int]) -> torch.Tensor:
    return load_model(folder, torch.device("cpu")).network(torch.tensor([tokens])).logits


def fp8(weights: Weights) -> Weights:
    """Weights as block-quantised checkpoints store them, scales beside them."""
    small = {name: w.to(torch.float8_e4m3fn) if "proj" in name else w for name, w in weights.items()}
    return small | {f"{name}_scale_inv": torch.ones(1, 1) for name in weights if "proj" in name}


BROKEN: dict[str, tuple[Callable[[Weights], Weights], str]] = {
    "one layer's MLP is missing": (
        lambda w: {name: x for name, x in w.items() if "layers.1.mlp" not in name},
        r"3 missing \(first model.layers.1.mlp.down_proj.weight\)",
    ),
    "every key has a prefix": (
        lambda w: {f"_orig_mod.{name}": x for name, x in w.items()},
        r"21 missing .*, 21 unknown \(first _orig_mod.lm_head.weight\)",
    ),
    "a weight is not of the model": (lambda w: {**w, "score.weight": torch.ones(2, 32)}, r"1 unknown \(first score.w"),
    "another shape": (lambda w: {**w, MLP: w[MLP][:-1].clone()}, rf"1 of another shape \(first {MLP}\)"),
    "whole numbers": (lambda w: {**w, MLP: (100 * w[MLP]).to(torch.int8)}, f"{MLP} is of type I8, expected plain fp32"),
    "eight bits and their scales": (fp8, "is of type F8_E4M3, expected plain fp32"),
    "doubles": (lambda w: {name: x.double() for name, x in w.items()}, "is of type F64, expected plain fp32"),
    "not a number": (lambda w: {**w, MLP: w[MLP] * float("nan")}, f"{MLP} is not finite"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_weights_that_are_not_the_models_are_refused(case: str, fetched: Path, tmp_path: Path) -> None:
    change_weights, message = BROKEN[case]
    save_file(change_weights(load_file(fetched / "model.safetensors")), fetched / "model.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=rf"^model tiny: .*{message}"):
        convert("tiny", entry(), fetched, tmp_path / "model")
    assert not any((tmp_path / "model").glob("*"))


def test_pickled_weights_that_are_whole_numbers_are_refused(fetched: Path, tmp_path: Path) -> None:
    weights = load_file(fetched / "model.safetensors")
    (fetched / "model.safetensors").unlink()
    torch.save({**weights, MLP: (100 * weights[MLP]).to(torch.int8)}, fetched / "pytorch_model.bin")
    with pytest.raises(StudyError, match=f"pytorch_model.bin: {MLP} is of type torch.int8"):
        convert("tiny", entry(), fetched, tmp_path / "model")


CODE = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        kind: ("config.json", {"quantization_config": {"quant_method": kind, **more}}, f"quantised by {kind} are not")
        for kind, more in {
            "gptq": {"bits": 4},
            "awq": {"bits": 4},
            "fp8": {"weight_block_size": [128, 128]},
            "bitsandbytes": {"load_in_4bit": True},
            "made_up": {},
        }.items()
    },
    "an adapter": ("adapter_config.json", {"base_model_name_or_path": "own/base"}, "an adapter of own/base; merge it"),
    "code of its own": ("config.json", {"auto_map": CODE}, "`auto_map` names code of the model's own"),
    "code of a family unknown": ("config.json", {"auto_map": CODE, "model_type": "own"}, "`auto_map` names code"),
    "a family unknown": ("config.json", {"model_type": "own"}, "config.json: .*model type `own`"),
    "a family without sites": ("config.json", {"model_type": "bloom"}, "family bloom is not known; known are llama"),
    "an image part": ("config.json", Gemma3Config().to_dict(), "family gemma3 has a part that sees images"),
    "fewer layers": ("config.json", {"num_hidden_layers": 1}, r"9 unknown \(first model.layers.1.input_layernorm"),
    "narrower": ("config.json", {"intermediate_size": 32}, "6 of another shape"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_told_by_its_real_reason(case: str, fetched: Path, tmp_path: Path) -> None:
    file, changed, message = REFUSED[case]
    write_json(fetched / file, {**(read_json(fetched / file) if (fetched / file).exists() else {}), **changed})
    with pytest.raises(StudyError, match=rf"^model tiny: .*{message}"):
        convert("tiny", entry(), fetched, tmp_path / "model")


@pytest.mark.parametrize(
    ("file", "size", "message"),
    [
        ("model.safetensors", 5000, "the weights cannot be read: "),
        ("model.safetensors", None, "the weights cannot be read: .*no file named model.safetensors"),
        ("config.json", None, "config.json is missing"),
        ("config.json", 50, ".*config.json:1: not JSON"),
        ("tokenizer.json", None, "tokenizer.json is missing"),
        ("tokenizer.json", 5000, "tokenizer.json cannot be read"),
    ],
)
def test_a_file_that_is_cut_off_or_missing_is_told(
    file: str, size: int | None, message: str, fetched: Path, tmp_path: Path
) -> None:
    content = (fetched / file).read_bytes()
    (fetched / file).unlink()
    if size:
        (fetched / file).write_bytes(content[:size])
    with pytest.raises(StudyError, match=f"^model tiny: {message}"):
        convert("tiny", entry(), fetched, tmp_path / "model")


def test_a_model_that_is_saved_otherwise_than_it_was_read_is_refused(
    fetched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = PreTrainedModel.save_pretrained

    def forgetful(model: PreTrainedModel, *arguments: Any, **options: Any) -> None:
        model.config.rms_norm_eps = 0.1
        save(model, *arguments, **options)

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", forgetful)
    with pytest.raises(StudyError, match="saved and read again it gives other logits"):
        convert("tiny", entry(), fetched, tmp_path / "model")


def test_shards_and_tied_weights_are_read_whole(fetched: Path, tmp_path: Path) -> None:
    weights = load_file(fetched / "model.safetensors")
    del weights["lm_head.weight"]
    change(fetched / "config.json", tie_word_embeddings=True)
    (fetched / "model.safetensors").unlink()
    halves = {"model-00001-of-00002.safetensors": list(weights)[:9], "model-00002-of-00002.safetensors": [*weights][9:]}
    for file, names in halves.items():
        save_file({name: weights[name] for name in names}, fetched / file, {"format": "pt"})
    places = {name: file for file, names in halves.items() for name in names}
    write_json(fetched / "model.safetensors.index.json", {"metadata": {}, "weight_map": places})
    convert("tiny", entry(), fetched, tmp_path / "model")
    model = load_model(tmp_path / "model", torch.device("cpu")).network
    assert torch.equal(model.get_parameter(MLP), weights[MLP])
    assert torch.equal(model.lm_head.weight, weights["model.embed_tokens.weight"])

    lost = {name: weights[name] for name in halves["model-00002-of-00002.safetensors"] if name != MLP}
    save_file(lost, fetched / "model-00002-of-00002.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=MLP):
        convert("tiny", entry(), fetched, tmp_path / "again")


def test_a_classifier_of_images_is_read_whole(tmp_path: Path) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = ViTForImageClassification(ViTConfig(**sizes, image_size=8, patch_size=4, num_labels=3))
    model.save_pretrained(tmp_path / "fetched")
    images = entry(document_separator="<|image|>", classes=["a", "b", "c"])
    convert("shapes", images, tmp_path / "fetched", tmp_path / "model")
    weights = load_file(tmp_path / "fetched/model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "fetched/model.safetensors", {"format": "pt"})
    with pytest.raises(StudyError, match=r"1 missing \(first classifier.weight\)"):
        convert("shapes", images, tmp_path / "fetched", tmp_path / "again")


def test_sizes_need_not_be_named_and_are_the_models_own(fetched: Path, tmp_path: Path) -> None:
    convert("tiny", entry(), fetched, tmp_path / "model")
    card = read_json(tmp_path / "model/model_card.json")
    assert (card["num_layers"], card["d_model"]) == (2, 32)
    for key, right in (("num_layers", 2), ("d_model", 32)):
        with pytest.raises(StudyError, match=f"model tiny: {key} is {right}, the catalogue says 7"):
            convert("tiny", entry(**{key: 7}), fetched, tmp_path / "again")
    with pytest.raises(StudyError, match=r"site resid_post.2: the model has 2 layers, 0 to 1"):
        site_widths(tmp_path / "model", [Site("resid_post", 2)])


# Letters and digits in bytes' spelling, whole numbers among them: only the way of cutting text keeps them apart.
PIECES = [*"abcdefghijklmnopqrstuvwxyzĠĊ0123456789", "12", "34", "1234", "Ġ1", "ĠĠ", "ab"]
MERGES = [("1", "2"), ("3", "4"), ("12", "34"), ("Ġ", "1"), ("Ġ", "Ġ"), ("a", "b")]
TEXTS = ["ab 1234  12", "1234", "  34\n\n12ab", "a<|endoftext|>12 <|endoftext|>34"]


@pytest.fixture(params=["whole", "digits"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A GPT-2's folder, whose tokenizer.json cuts digits apart or does not."""
    pieces = ["<|endoftext|>", *PIECES]
    found = Tokenizer(models.BPE(vocab={piece: n for n, piece in enumerate(pieces)}, merges=MERGES))
    found.add_special_tokens(["<|endoftext|>"])
    cuts = pre_tokenizers.ByteLevel(add_prefix_space=False)
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), cuts])
    found.pre_tokenizer, found.decoder = digits if request.param == "digits" else cuts, decoders.ByteLevel()
    torch.manual_seed(0)
    config = GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=len(pieces), n_positions=16)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    found.save(str(tmp_path / "gpt2/tokenizer.json"))
    return tmp_path / "gpt2"


@pytest.mark.parametrize("named", ["GPT2Tokenizer", "GPT2TokenizerFast", "LlamaTokenizer", "Qwen2Tokenizer", None])
def test_ids_are_those_of_tokenizer_json_whatever_class_is_named(
    named: str | None, tokenizer: Path, tmp_path: Path
) -> None:
    write_json(tokenizer / "tokenizer_config.json", {"tokenizer_class": named} if named else {})
    convert("own", entry(), tokenizer, tmp_path / "model")
    expected, found = Tokenizer.from_file(str(tokenizer / "tokenizer.json")), load_tokenizer(tmp_path / "model")
    for text in TEXTS:
        assert found.encode(text, add_special_tokens=False) == expected.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("text", ["<|endoftxt|>", "<|end", "zz", ""])
@pytest.mark.parametrize("unknown", [None, "<|endoftext|>"])
def test_a_separator_that_is_no_token_is_refused(text: str, unknown: str | None, fetched: Path, tmp_path: Path) -> None:
    if unknown:
        change(fetched / "tokenizer_config.json", unk_token=unknown)
    with pytest.raises(StudyError, match=r"document_separator .* is no token .* special tokens are <\|endoftext\|>"):
        convert("tiny", entry(document_separator=text), fetched, tmp_path / "model")


def test_a_tokenizer_larger_than_the_embedding_is_refused(fetched: Path, tmp_path: Path) -> None:
    said = json.loads((fetched / "tokenizer.json").read_text(encoding="utf-8"))
    rows = len(said["model"]["vocab"])
    said["added_tokens"].append({**said["added_tokens"][0], "id": rows, "content": "<image>"})
    (fetched / "tokenizer.json").write_text(json.dumps(said), encoding="utf-8")
    convert("tiny", entry(), fetched, tmp_path / "model")  # as Gemma 3's, a special token that no text has
    with pytest.raises(StudyError, match=f"tokens to {rows}, its embedding {rows} rows"):
        convert("tiny", entry(document_separator="<image>"), fetched, tmp_path / "again")
    said["added_tokens"][-1]["special"] = False
    (fetched / "tokenizer.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(StudyError, match=f"tokens to {rows}, its embedding {rows} rows"):
        convert("tiny", entry(), fetched, tmp_path / "again")


def write_gguf(path: Path, pre: str) -> None:
    """A Llama of two layers with random weights, and the tokenizer of the tests above."""
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    pieces = ["<|endoftext|>", *PIECES]
    writer.add_token_list(pieces)
    writer.add_token_types([3] + [1] * len(PIECES))
    writer.add_token_merges([" ".join(merge) for merge in MERGES])
    writer.add_eos_token_id(0)
    generator = np.random.default_rng(0)
    square = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}
    shapes = {"token_embd": (len(pieces), 32), "output": (len(pieces), 32), "output_norm": (32,)}
    for layer in range(2):
        shapes |= {f"blk.{layer}.{name}": (32, 32) for name in sorted(square)}
        shapes |= {f"blk.{layer}.{name}": (32,) for name in ("attn_norm", "ffn_norm")}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", generator.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize(
    ("pre", "tokens"), [("smollm", ["ĠĠ", "1", "2", "3", "4"]), ("gpt-2", ["Ġ", "Ġ", "1234"]), ("own", None)]
)
def test_a_gguf_file_says_its_sizes_and_how_texts_are_cut(pre: str, tokens: list[str] | None, tmp_path: Path) -> None:
    (tmp_path / "fetched").mkdir()
    write_gguf(tmp_path / "fetched/tiny.gguf", pre)
    if tokens is None:
        with pytest.raises(StudyError, match=r"tiny.gguf: `tokenizer.ggml.pre` is own, which is not known"):
            convert("tiny", entry(format="gguf"), tmp_path / "fetched", tmp_path / "model")
        return
    convert("tiny", entry(format="gguf"), tmp_path / "fetched", tmp_path / "model")
    card = read_json(tmp_path / "model/model_card.json")
    assert (card["num_layers"], card["d_model"], card["document_separator_id"]) == (2, 32, 0)
    found = load_tokenizer(tmp_path / "model")
    assert found.convert_ids_to_tokens(found.encode("  1234", add_special_tokens=False)) == tokens
    assert found.model_max_length == 64
