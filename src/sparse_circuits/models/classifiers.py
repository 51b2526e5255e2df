"""Image classifiers of the Hugging Face hub (ViT, CLIP's, DINOv2), as the rest of the pipeline sees a model.

They take tokens of images, as in `models.vision_transformer`, and give one position of logits. Their sequences begin
with a class token, which circuits are made of as of any patch. So that nothing of theirs stands where a language model
has its separator, every activation gets an empty position 0 (`families.Family.separated`), which the model never sees.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.modeling_outputs import CausalLMOutput

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.models.pictures import image_tokenizer
from sparse_circuits.models.vision_transformer import image_levels

MODEL_TYPES = ("vit", "dinov2", "clip")
NORMED = {"pixel_mean": [0.5, 0.5, 0.5], "pixel_deviation": [0.5, 0.5, 0.5]}  # in config.json; pixels from 0 to 1


def vision_config(config: PretrainedConfig) -> PretrainedConfig:
    """Return the settings of the part that sees: CLIP has another one that reads."""
    return getattr(config, "vision_config", config)


def describe_pixels(model: PreTrainedModel, fetched: Path) -> None:
    """Put into a classifier's configuration what preprocessor_config.json says of pixels."""
    preprocessor = fetched / "preprocessor_config.json"
    pixels = read_json(preprocessor) if preprocessor.is_file() else {}
    for key, theirs in (("pixel_mean", "image_mean"), ("pixel_deviation", "image_std")):
        setattr(model.config, key, pixels.get(theirs, NORMED[key]))


def classifier_tokenizer(config: Any, classes: Sequence[str] | None) -> PreTrainedTokenizerFast:
    """Return a tokenizer of images. Without names of the `classes` they are those of the configuration.

    Raises StudyError when there are more or fewer than the model tells apart.
    """
    names = list(classes or (config.id2label[number] for number in range(config.num_labels)))
    if len(names) != config.num_labels:
        raise StudyError(f"{len(names)} classes are named, the model has {config.num_labels}")
    return image_tokenizer(names)


class ImageClassifier(nn.Module):
    """A classifier, whose modules keep their names behind `inner.`."""

    def __init__(self, inner: PreTrainedModel) -> None:
        super().__init__()
        self.inner = inner
        self.config = vision_config(inner.config)
        self.pixel_mean, self.pixel_deviation = (getattr(inner.config, key, NORMED[key]) for key in NORMED)

    def grid_at(self, layer: int) -> tuple[int, int]:
        """Rows and columns of patches, the same in all layers."""
        side = self.config.image_size // self.config.patch_size
        return side, side

    def positions_at(self, layer: int) -> int:
        """Positions of activations: the empty one, the class token, the patches."""
        rows, columns = self.grid_at(layer)
        return 2 + rows * columns

    def get_output_embeddings(self) -> nn.Linear:
        """Return the map to classes."""
        classifier = self.inner.get_submodule("classifier")
        assert isinstance(classifier, nn.Linear)
        return classifier

    def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
        """Return logits (batch, 1, class) of tokens (batch, 1 + pixels); a class that follows them is not looked at.

        Raises StudyError when they are no image of the model's size.
        """
        side = self.config.image_size
        shape = (side, side, self.config.num_channels)
        images = image_levels(input_ids, shape, self.get_output_embeddings().out_features)
        mean, deviation = (torch.tensor(v, device=images.device) for v in (self.pixel_mean, self.pixel_deviation))
        seen = ((images + 1) / 2 - mean) / deviation
        return CausalLMOutput(logits=self.inner(pixel_values=seen.permute(0, 3, 1, 2)).logits.unsqueeze(1))
