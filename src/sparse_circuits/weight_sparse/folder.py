"""New models, and trained ones as the Hugging Face folder that the rest of the pipeline loads."""

from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing_folder, read_json, write_csv, write_json
from sparse_circuits.config.network import Network
from sparse_circuits.config.train_transformer import Transformer
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry
from sparse_circuits.models.load import load_model
from sparse_circuits.models.save import write_model
from sparse_circuits.models.vision_transformer import VisionTransformer as VisionModel
from sparse_circuits.models.vision_transformer import VisionTransformerConfig
from sparse_circuits.models.weight_sparse import WeightSparseConfig, WeightSparseForCausalLM


def new_model(entry: Transformer, vocabulary: int, context: int, seed: int) -> WeightSparseForCausalLM:
    """Return a model with random weights; the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):
        set_seed(seed)
        sizes = {"vocab_size": vocabulary, "max_position_embeddings": context, **_sizes(entry)}
        return WeightSparseForCausalLM(WeightSparseConfig(active=entry.active, **sizes))


def new_vision_model(
    entry: VisionTransformerEntry, image: tuple[int, int, int], classes: int, seed: int
) -> VisionModel:
    """Return a model of images (height, width, channels) with random weights; the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):
        set_seed(seed)
        seen: dict[str, Any] = {"image": image, "patch": entry.patch, "classes": classes}
        return VisionModel(VisionTransformerConfig(active=entry.active, **seen, **_sizes(entry)))


def _sizes(entry: Network) -> dict[str, Any]:
    return {
        "hidden_size": entry.d_model,
        "num_hidden_layers": entry.layers,
        "head_dim": entry.head_dim,
        "num_attention_heads": entry.d_model // entry.head_dim,
        "intermediate_size": 4 * entry.d_model,
    }


def load_transformer(folder: Path, device: torch.device) -> tuple[WeightSparseForCausalLM, int]:
    """Return the frozen model of a folder in fp32 and the token its sequences begin with.

    Raises StudyError when the folder holds another kind of model.
    """
    model = load_model(folder, device)
    if not isinstance(model.network, WeightSparseForCausalLM):
        raise StudyError(f"{folder}: {model.name} is not a weight-sparse transformer")
    return model.network, model.separator_id


def count_weights(model: torch.nn.Module) -> dict[str, int]:
    """Return the number of all `weights` of a model and of the `nonzero` ones."""
    parameters = list(model.parameters())
    return {"weights": sum(p.numel() for p in parameters), "nonzero": sum(int((p != 0).sum()) for p in parameters)}


def save_model(
    model: WeightSparseForCausalLM,
    name: str,
    tokenizer: Path,
    licence: str,
    losses: ModelLosses,
    log: list[dict[str, Any]],
    folder: Path,
) -> None:
    """Publish config.json, model.safetensors, the tokenizer's files, training.csv, losses.json and model_card.json."""
    card = read_json(tokenizer / "model_card.json")
    with publishing_folder(folder) as temporary:
        hashes = write_model(model, tokenizer, temporary)
        write_csv(temporary / "training.csv", log)
        losses.write(temporary / "losses.json")
        sizes = {"num_layers": model.config.num_hidden_layers, "d_model": model.config.hidden_size}
        separator = {key: card[key] for key in ("document_separator", "document_separator_id")}
        facts = {**separator, "name": name, "licence": licence, **sizes, "sha256": hashes}
        write_json(temporary / "model_card.json", facts)
