"""MobileNetV2, a convolutional network, as the rest of the pipeline sees a model: layers and sites.

Sandler et al. 2018 (arXiv 1801.04381); modules and names of weights are torchvision's, whose weights load as they are.
A site is (batch, position, channel) as anywhere: position 0 is empty, where a language model has its separator, and
the places of a layer's square grid follow row by row. Layers differ in both numbers. Tokens are those of images in
`models.vision_transformer`: a separator and an image's pixels, and its class is the token that follows.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForCausalLM, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from sparse_circuits.base.compute import at_least_fp32
from sparse_circuits.models.pictures import LEVELS
from sparse_circuits.models.vision_transformer import image_levels

# Of ImageNet's training images, by channel; pixels from 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Factor of expansion, channels, blocks, stride of the first block (table 2 of the paper).
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class MobileNetConfig(PretrainedConfig):
    """Sizes. Token ids are `classes` classes, then the 256 levels of a pixel, then the separator."""

    model_type = "mobilenet"

    def __init__(
        self,
        image: tuple[int, int, int] = (224, 224, 3),
        classes: int = 1000,
        stem: int = 32,
        stages: tuple[tuple[int, int, int, int], ...] = STAGES,
        hidden_size: int = 1280,
        **kwargs: Any,
    ) -> None:
        self.image = list(image)
        self.classes = classes
        self.stem = stem
        self.stages = [list(stage) for stage in stages]
        self.hidden_size = hidden_size
        self.num_hidden_layers = 2 + sum(blocks for _, _, blocks, _ in self.stages)
        sizes = {"vocab_size": classes + LEVELS + 1, "num_hidden_layers": self.num_hidden_layers}
        super().__init__(**{"tie_word_embeddings": False, **kwargs, **sizes})

    @property
    def blocks(self) -> list[tuple[int, int, int]]:
        """Factor of expansion, channels and stride of each block."""
        return [
            (factor, channels, stride if number == 0 else 1)
            for factor, channels, blocks, stride in self.stages
            for number in range(blocks)
        ]

    def width_at(self, layer: int) -> int:
        """Channels after a layer; the image's own with layer -1."""
        widths = [self.stem, *(channels for _, channels, _ in self.blocks), self.hidden_size]
        return self.image[2] if layer < 0 else widths[layer]


class Convolution(nn.Sequential):
    """A convolution, its norm, and a ReLU capped at 6."""

    def __init__(self, channels_in: int, channels: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels, size, stride, (size - 1) // 2, groups=groups, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(),
        )


class Layer(nn.Module, ABC):
    """What is computed on a square grid, as a map of activations (batch, position, channel)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, position, channel) from before the layer to after it; position 0 stays empty."""
        places = x[:, 1:].transpose(1, 2)
        side = round(places.shape[2] ** 0.5)
        found = self.on_grid(places.unflatten(2, (side, side))).flatten(2).transpose(1, 2)
        return F.pad(found, (0, 0, 1, 0))

    @abstractmethod
    def on_grid(self, x: Tensor) -> Tensor:
        """Map (batch, channel, row, column)."""


class Plain(Layer):
    """One convolution, by torchvision's names: 0 is its matrix, 1 its norm."""

    def __init__(self, channels_in: int, channels: int, size: int, stride: int) -> None:
        super().__init__()
        for name, module in Convolution(channels_in, channels, size, stride).named_children():
            self.add_module(name, module)

    def on_grid(self, x: Tensor) -> Tensor:
        """Convolve, norm, cut off."""
        for module in self.children():
            x = module(x)
        return x


class InvertedResidual(Layer):
    """More channels, a convolution of each by itself, fewer channels; added to what came in where sizes agree."""

    def __init__(self, channels_in: int, channels: int, factor: int, stride: int) -> None:
        super().__init__()
        hidden = channels_in * factor
        self.added = stride == 1 and channels_in == channels
        self.conv = nn.Sequential(
            *([Convolution(channels_in, hidden, 1)] if factor != 1 else []),
            Convolution(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def on_grid(self, x: Tensor) -> Tensor:
        """Expand, convolve, project, and add."""
        found: Tensor = self.conv(x)
        return x + found if self.added else found


class MobileNet(PreTrainedModel, GenerationMixin):
    """The model; one position of logits has the class."""

    config_class = MobileNetConfig

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__(config)
        self.pixels = nn.Identity()  # where what is seen can be read and replaced
        channels = config.stem
        layers: list[Layer] = [Plain(config.image[2], channels, 3, 2)]
        for factor, width, stride in config.blocks:
            layers.append(InvertedResidual(channels, width, factor, stride))
            channels = width
        self.features = nn.ModuleList([*layers, Plain(channels, config.hidden_size, 1, 1)])
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(config.hidden_size, config.classes))
        self.post_init()

    def grid_at(self, layer: int) -> tuple[int, int]:
        """Rows and columns after a layer; the image's own with layer -1."""
        side = self.config.image[0]
        for stride in [2, *(stride for _, _, stride in self.config.blocks), 1][: layer + 1]:
            side = -(-side // stride)
        return side, side

    def positions_at(self, layer: int) -> int:
        """Positions after a layer: the empty one and the places of the grid."""
        rows, columns = self.grid_at(layer)
        return 1 + rows * columns

    def get_input_embeddings(self) -> nn.Module:
        """Return what has the pixels."""
        return self.pixels

    def get_output_embeddings(self) -> nn.Module:
        """Return the map from the mean of the last layer's places to classes."""
        return self.classifier[1]

    def prepare_inputs_for_generation(self, input_ids: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Return what `generate` runs."""
        return {"input_ids": input_ids}

    def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
        """Return logits (batch, 1, class) of tokens (batch, 1 + pixels); a class that follows them is not looked at.

        Raises StudyError when they are no image of the model's size.
        """
        x = self.embed_images(image_levels(input_ids, self.config.image, self.config.classes))
        for layer in self.features:
            x = layer(x)
        return CausalLMOutput(logits=self.classifier(at_least_fp32(x[:, 1:]).mean(dim=1, keepdim=True)))

    def embed_images(self, images: Tensor) -> Tensor:
        """Return what the first layer sees of images (batch, height, width, channel): (batch, 1 + pixel, channel).

        They are normed by ImageNet's pixels.
        """
        mean, deviation = (torch.tensor(values, device=images.device) for values in (MEAN, DEVIATION))
        return self.pixels(F.pad((((images + 1) / 2 - mean) / deviation).flatten(1, 2), (0, 0, 1, 0)))


AutoConfig.register(MobileNetConfig.model_type, MobileNetConfig)
AutoModelForCausalLM.register(MobileNetConfig, MobileNet)
