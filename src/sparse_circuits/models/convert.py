"""Turning fetched files into an ordinary Hugging Face folder, once."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from sparse_circuits.config import Model
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing_folder, sha256, write_json
from sparse_circuits.models.classifiers import MODEL_TYPES, save_classifier, vision_config
from sparse_circuits.models.csp import load_csp, load_csp_tokenizer
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.pictures import image_tokenizer
from sparse_circuits.models.torchvision import load_torchvision


def convert(name: str, entry: Model, fetched: Path, folder: Path) -> None:
    """Write config.json, model.safetensors, the tokenizer's files and model_card.json of a fetched model to `folder`.

    A GGUF file's quantised weights are expanded to fp32. Raises StudyError when the files are not the model that the
    catalogue's entry describes.
    """
    with publishing_folder(folder) as temporary:
        _save(fetched, entry, temporary)
        config = AutoConfig.from_pretrained(temporary)
        sizes = vision_config(config)
        if sizes.model_type not in FAMILIES:
            raise StudyError(f"model {name}: family {sizes.model_type} is not known; known are {', '.join(FAMILIES)}")
        for key, found in (("num_layers", sizes.num_hidden_layers), ("d_model", sizes.hidden_size)):
            if getattr(entry, key) != found:
                raise StudyError(f"model {name}: {key} is {found}, the catalogue says {getattr(entry, key)}")
        separator_id = AutoTokenizer.from_pretrained(temporary).convert_tokens_to_ids(entry.document_separator)
        if not isinstance(separator_id, int):
            raise StudyError(
                f"model {name}: document_separator {entry.document_separator} is no token of its tokenizer"
            )
        card: dict[str, Any] = {
            "name": name,
            "licence": entry.licence,
            "document_separator": entry.document_separator,
            "document_separator_id": separator_id,
            "num_layers": entry.num_layers,
            "d_model": entry.d_model,
            "sha256": {path.name: sha256(path) for path in sorted(temporary.iterdir())},
        }
        write_json(temporary / "model_card.json", card)


def _save(fetched: Path, entry: Model, folder: Path) -> None:
    options: dict[str, Any] = {}
    if entry.format == "huggingface" and AutoConfig.from_pretrained(fetched).model_type in MODEL_TYPES:
        save_classifier(fetched, entry.classes, folder)
        return
    if entry.format == "gguf":
        files = list(fetched.glob("*.gguf"))
        if len(files) != 1:
            raise StudyError(f"{fetched}: expected one .gguf file, found {len(files)}")
        options = {"gguf_file": files[0].name}
    if entry.format == "torchvision":
        assert entry.classes, "a catalogue without them is refused"
        load_torchvision(fetched, len(entry.classes)).save_pretrained(folder)
        image_tokenizer(entry.classes).save_pretrained(folder)
        return
    if entry.format == "csp":
        load_csp(fetched).save_pretrained(folder, max_shard_size="1TB")
        load_csp_tokenizer(fetched).save_pretrained(folder)
        return
    model = AutoModelForCausalLM.from_pretrained(fetched, dtype=torch.float32 if options else "auto", **options)
    # GGUF's weights are plain tensors by now; transformers refuses to save a model that still says it is quantised.
    vars(model).pop("hf_quantizer", None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    # One file of weights and the chat template inside the tokenizer's settings: the same files for every model.
    model.save_pretrained(folder, max_shard_size="1TB")
    AutoTokenizer.from_pretrained(fetched, **options).save_pretrained(folder, save_jinja_files=False)
