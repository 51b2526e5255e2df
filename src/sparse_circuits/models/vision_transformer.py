"""The small Vision Transformer: blocks of the weight-sparse transformer on the patches of an image.

Dosovitskiy et al. 2020 (arXiv 2010.11929), with a register (Darcet et al. 2023, arXiv 2309.16588) and the mean of the
patches for a class token. To the rest of the pipeline it is a language model whose prompts are images: a separator and
an image's pixels, row by row, are the tokens, and its class is the token that follows.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.modeling_outputs import CausalLMOutput

from sparse_circuits.base.errors import StudyError
from sparse_circuits.models.pictures import LEVELS
from sparse_circuits.models.weight_sparse import MLP, Attention, WeightSparseConfig, WeightSparseForCausalLM


class VisionTransformerConfig(WeightSparseConfig):
    """Sizes. Token ids are `classes` classes, then the 256 levels of a pixel, then the separator."""

    model_type = "small_vit"

    def __init__(
        self, image: tuple[int, int, int] = (28, 28, 1), patch: int = 4, classes: int = 10, **kwargs: Any
    ) -> None:
        self.image = list(image)
        self.patch = patch
        self.classes = classes
        sizes = {"vocab_size": classes + LEVELS + 1, "max_position_embeddings": self.positions_of_image}
        language = {"active": None, "sink": False, "bigram": False, "causal": False}
        super().__init__(**{**sizes, **language, **kwargs})

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width, _ = self.image
        return height // self.patch, width // self.patch

    @property
    def positions_of_image(self) -> int:
        """Positions of the residual stream: the register and the patches."""
        rows, columns = self.grid
        return 1 + rows * columns


def to_patches(images: Tensor, patch: int) -> Tensor:
    """Cut images (batch, height, width, channel) into patches (batch, place, value), both row by row."""
    batch, height, width, channels = images.shape
    cut = images.view(batch, height // patch, patch, width // patch, patch, channels)
    return cut.transpose(2, 3).reshape(batch, -1, patch * patch * channels)


def image_levels(tokens: Tensor, image: Sequence[int], classes: int) -> Tensor:
    """Return images with values from -1 to 1: tokens (batch, 1 + pixels) -> (batch, height, width, channel).

    Raises StudyError when they are no images of that height, width and number of channels.
    """
    height, width, channels = image
    pixels = height * width * channels
    values = tokens.shape[1] - 1
    if values not in (pixels, pixels + 1):
        sees = _COLOURS.get(channels, f"{channels}-channel")
        raise StudyError(
            f"the model sees {sees} images of {height} x {width}, {pixels} values, "
            f"and this one has {_described(values, height * width)}"
        )
    levels = tokens[:, 1 : 1 + pixels] - classes
    if levels.min() < 0 or levels.max() >= LEVELS:
        raise StudyError(f"an image has values of 0 to {LEVELS - 1} and no classes: a token is no pixel")
    return (levels / ((LEVELS - 1) / 2) - 1).view(-1, height, width, channels)


_COLOURS = {1: "grey", 3: "colour"}


def _described(values: int, places: int) -> str:
    """Say of so many values, perhaps with a class behind them, whether they are the same places in other colours."""
    other = next((name for channels, name in _COLOURS.items() if values - channels * places in (0, 1)), None)
    return f"{values}" + (f": it is in {other}" if other else "")


class VisionTransformer(WeightSparseForCausalLM):
    """The model; position 0 is the register, the others are the patches, and one position of logits has the class."""

    config_class = VisionTransformerConfig

    def __init__(self, config: VisionTransformerConfig) -> None:
        super().__init__(config)
        values = config.patch**2 * config.image[2]
        self.transformer["wte"] = nn.Linear(values, config.hidden_size)
        self.transformer["wpe"] = nn.Embedding(config.positions_of_image, config.hidden_size)
        self.lm_head = nn.Linear(config.hidden_size, config.classes, bias=False)
        self.final_logits_bias = nn.Parameter(torch.zeros(config.classes), requires_grad=False)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Normal weights of deviation 1 / sqrt(inputs), smaller where a layer writes to the residual stream.

        With GPT-2's .02, meant for wide models, these narrow ones learn half as fast at first.
        """
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.3)
        if isinstance(module, Attention | MLP):
            width = module.c_proj.in_features * 2 * self.config.num_hidden_layers
            nn.init.normal_(module.c_proj.weight, std=width**-0.5)

    def grid_at(self, layer: int) -> tuple[int, int]:
        """Rows and columns of patches, the same in all layers."""
        return self.config.grid

    def positions_at(self, layer: int) -> int:
        """Positions of activations: the register and the patches."""
        return self.config.positions_of_image

    def forward(self, input_ids: Tensor, logits_to_keep: int = 0, **_: Any) -> CausalLMOutput:
        """Return logits (batch, 1, class) of tokens (batch, 1 + pixels); a class that follows them is not looked at.

        Raises StudyError when they are no image of the model's size.
        """
        return super().forward(input_ids)

    def embed(self, tokens: Tensor) -> Tensor:
        """Return the residual stream before the first layer: (batch, 1 + pixels) -> (batch, 1 + patch, d_model)."""
        return self.embed_images(image_levels(tokens, self.config.image, self.config.classes))

    def embed_images(self, images: Tensor) -> Tensor:
        """Return the residual stream before the first layer, of images (batch, height, width, channel)."""
        places = self.transformer.get_submodule("wpe").get_parameter("weight")
        patches = self.transformer.get_submodule("wte")(to_patches(images, self.config.patch)) + places[1:]
        register = places[:1].expand(len(images), 1, -1)
        return self.transformer.get_submodule("drop")(torch.cat([register.to(patches.dtype), patches], 1))

    def unembed(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (batch, 1, class) of the residual stream after the last layer: of the mean over its patches."""
        patches = self.transformer.get_submodule("ln_f")(x)[:, 1:]
        return self.lm_head(patches.mean(dim=1, keepdim=True)) + self.final_logits_bias


AutoConfig.register(VisionTransformerConfig.model_type, VisionTransformerConfig)
AutoModelForCausalLM.register(VisionTransformerConfig, VisionTransformer)
