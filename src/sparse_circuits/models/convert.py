"""Turning fetched files into an ordinary Hugging Face folder, once, and reading back what was written."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing_folder, sha256, write_json
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.catalogue import ModelEntry
from sparse_circuits.models.checkpoint import check_family, check_values, first_line, read_config, read_model
from sparse_circuits.models.classifiers import MODEL_TYPES, classifier_tokenizer, describe_pixels, vision_config
from sparse_circuits.models.csp import load_csp, load_csp_tokenizer
from sparse_circuits.models.gguf_tokenizer import cut_as_named
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.models.mobilenet import MobileNet
from sparse_circuits.models.pictures import image_tokenizer, to_tokens
from sparse_circuits.models.torchvision import load_torchvision

ROUNDING = 0.02  # of logits: sums of bf16 in another order; weights in another place in memory are added in another
Fetched = tuple[PreTrainedModel, Tokenizer]


def convert(name: str, entry: ModelEntry, fetched: Path, folder: Path) -> None:
    """Write config.json, model.safetensors, the tokenizer's files and model_card.json of a fetched model to `folder`.

    A GGUF file's quantised weights are expanded to fp32. Raises StudyError when the files are not the model that the
    catalogue's entry describes, when not all of them can be read, and when what is written computes something else.
    """
    try:
        with publishing_folder(folder) as temporary:
            _convert(name, entry, fetched, temporary)
    except StudyError as error:
        raise StudyError(f"model {name}: {error}") from None


def _convert(name: str, entry: ModelEntry, fetched: Path, folder: Path) -> None:
    model, tokenizer = FORMATS[entry.format](fetched, entry)
    check_family(model.config)
    sizes = vision_config(model.config)
    found = {"num_layers": sizes.num_hidden_layers, "d_model": sizes.hidden_size}
    for key, size in found.items():
        if getattr(entry, key) not in (None, size):
            raise StudyError(f"{key} is {size}, the catalogue says {getattr(entry, key)}")
    check_values(model)
    # One file of weights and the chat template inside the tokenizer's settings: the same files for every model.
    model.save_pretrained(folder, max_shard_size="1TB")
    if not model.can_generate():
        GenerationConfig().save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    separator_id = _separator(entry.document_separator, load_tokenizer(folder), getattr(sizes, "vocab_size", None))
    before, config = _logits(model), model.config
    del model
    after = _logits(read_model(folder, config))
    if (after - before).norm() > ROUNDING * before.norm():
        raise StudyError("saved and read again it gives other logits; its family is not kept whole by transformers")
    card: dict[str, Any] = {
        "name": name,
        "licence": entry.licence,
        "document_separator": entry.document_separator,
        "document_separator_id": separator_id,
        **found,
        "sha256": {path.name: sha256(path) for path in sorted(folder.iterdir())},
    }
    write_json(folder / "model_card.json", card)


def _separator(text: str, tokenizer: Tokenizer, rows: int | None) -> int:
    """The separator's token, by its text and back; no token of a text may lie beyond the embedding."""
    vocabulary = tokenizer.get_vocab()
    found = vocabulary.get(text)
    if found is None or tokenizer.decode([found]) != text:
        raise StudyError(
            f"document_separator {text!r} is no token of its tokenizer; special tokens are "
            f"{', '.join(map(str, tokenizer.added_tokens_encoder))}"
        )
    if rows is not None:
        # Special tokens may lie beyond: Gemma's tokenizer has one for images, also where the model sees none.
        special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special} - {found}
        largest = max({*vocabulary.values()} - special)
        if largest >= rows:
            raise StudyError(f"its tokenizer has tokens to {largest}, its embedding {rows} rows")
    return found


@torch.no_grad()
def _logits(model: PreTrainedModel) -> Any:
    """Logits of random tokens, or of a random image."""
    random, config = np.random.default_rng(0), vision_config(model.config)
    run: Any = model.eval()
    if model.config.model_type in MODEL_TYPES:
        pixels = random.random((1, config.num_channels, config.image_size, config.image_size))
        return run(pixel_values=torch.from_numpy(pixels).to(model.dtype)).logits.float()
    if isinstance(model, MobileNet):
        image = random.integers(0, 256, (1, prod(config.image)), dtype=np.uint8)
        tokens = torch.from_numpy(to_tokens(image, np.zeros(1, np.int64), config.classes))
    else:
        tokens = torch.from_numpy(random.integers(0, config.vocab_size, (1, 16)))
    return run(tokens.long()).logits.float()


def _huggingface(fetched: Path, entry: ModelEntry) -> Fetched:
    config = read_config(fetched)
    model = read_model(fetched, config)
    if config.model_type in MODEL_TYPES:
        describe_pixels(model, fetched)
        return model, classifier_tokenizer(model.config, entry.classes)
    given = (fetched / "tokenizer.json").is_file()
    # As the file says it: classes that tokenizer_config.json may name cut texts by rules of their own.
    kind: Any = PreTrainedTokenizerFast if given else AutoTokenizer
    try:
        return model, kind.from_pretrained(fetched, trust_remote_code=False)
    except Exception as error:  # tokenizers raises nothing narrower
        reason = f"cannot be read ({first_line(error)})" if given else "is missing, and the other files make none"
        raise StudyError(f"tokenizer.json {reason}") from None


def _gguf(fetched: Path, _: ModelEntry) -> Fetched:
    files = list(fetched.glob("*.gguf"))
    if len(files) != 1:
        raise StudyError(f"expected one .gguf file, found {len(files)}")
    model = read_model(fetched, gguf_file=files[0].name, dtype=torch.float32)
    # Its quantised weights are plain tensors by now; transformers refuses to save a model that still says otherwise.
    vars(model).pop("hf_quantizer", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    tokenizer: Any = AutoTokenizer.from_pretrained(fetched, gguf_file=files[0].name)
    cut_as_named(tokenizer, files[0])
    return model, tokenizer


def _torchvision(fetched: Path, entry: ModelEntry) -> Fetched:
    assert entry.classes, "a catalogue without them is refused"
    return load_torchvision(fetched, len(entry.classes)), image_tokenizer(entry.classes)


def _csp(fetched: Path, _: ModelEntry) -> Fetched:
    return load_csp(fetched), load_csp_tokenizer(fetched)


FORMATS = {"huggingface": _huggingface, "gguf": _gguf, "torchvision": _torchvision, "csp": _csp}
