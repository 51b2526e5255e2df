"""Folders of weights that transformers reads: all of them, plain and finite, or one line that says why not."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    PretrainedConfig,
    PreTrainedModel,
)

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.base.state_dict import PLAIN, check_plain, read_state_dict
from sparse_circuits.models.classifiers import MODEL_TYPES, vision_config
from sparse_circuits.models.families import FAMILIES


def read_config(folder: Path) -> PretrainedConfig:
    """Return the config.json of a folder; raise StudyError that names what in the folder is not read here, and why."""
    if (adapter := folder / "adapter_config.json").is_file():
        base = read_json(adapter).get("base_model_name_or_path")
        raise StudyError(f"adapter_config.json: an adapter of {base}; merge it into that (peft: merge_and_unload)")
    if not (folder / "config.json").is_file():
        raise StudyError("config.json is missing; `sources` must give it, the weights and the tokenizer's files")
    said = read_json(folder / "config.json")
    if "auto_map" in said:
        raise StudyError(f"config.json: `auto_map` names code of the model's own, which is not run: {said['auto_map']}")
    if quantised := said.get("quantization_config") or said.get("compression_config"):
        kind = quantised.get("quant_method", "bitsandbytes")
        raise StudyError(f"config.json: weights quantised by {kind} are not read; take the plain model, or a GGUF file")
    try:
        config: PretrainedConfig = AutoConfig.from_pretrained(folder)
    except (ValueError, KeyError) as error:
        raise StudyError(f"config.json: {first_line(error)}") from None
    check_family(config)
    return config


def check_family(config: PretrainedConfig) -> None:
    """Raise StudyError for a family of models that is not known here."""
    kind = config.model_type
    if kind not in MODEL_TYPES and hasattr(config, "vision_config"):
        raise StudyError(f"family {kind} has a part that sees images, which is not read; take a model of text alone")
    if vision_config(config).model_type not in FAMILIES:
        raise StudyError(f"family {kind} is not known; known are {', '.join(FAMILIES)}")


def read_model(folder: Path, config: PretrainedConfig | None = None, **options: Any) -> PreTrainedModel:
    """Return the model of a folder, of the type that it is stored in.

    Raises StudyError for weights that are missing, unknown, of another shape or not plain: transformers would draw the
    first and the third at random, leave out the second, and take quantised numbers for values.
    """
    sees = config is not None and config.model_type in MODEL_TYPES
    auto: Any = AutoModelForImageClassification if sees else AutoModelForCausalLM
    options = {"dtype": "auto", **options}
    try:
        _check_types(folder)
        model, report = auto.from_pretrained(
            folder, output_loading_info=True, ignore_mismatched_sizes=True, trust_remote_code=False, **options
        )
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as error:
        raise StudyError(f"the weights cannot be read: {first_line(error)}") from None
    wrong = {
        "missing": sorted(report["missing_keys"]),
        "unknown": sorted(report["unexpected_keys"]),
        "of another shape": sorted(name for name, *_ in report["mismatched_keys"]),
    }
    if told := [f"{len(names)} {how} (first {names[0]})" for how, names in wrong.items() if names]:
        raise StudyError(f"the weights are not those that its configuration describes: {', '.join(told)}")
    return model


def check_values(model: nn.Module) -> None:
    """Raise StudyError naming the first tensor of a model that is not plain, or not finite."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            if tensor.dtype not in PLAIN:
                raise StudyError(f"the weights: {name} is of type {tensor.dtype}, expected fp32, bf16 or fp16")
            if not tensor.isfinite().all():
                raise StudyError(f"the weights: {name} is not finite; the file is damaged, or overflowed when saved")


def _check_types(folder: Path) -> None:
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                dtype = file.get_slice(name).get_dtype()
                check_plain(path.name, name, dtype in ("F32", "BF16", "F16"), dtype)
    for path in sorted(folder.glob("pytorch_model*.bin")):
        read_state_dict(path, "meta")


def first_line(error: Exception) -> str:
    """Return what an error of another library says first."""
    return str(error).strip().splitlines()[0]
