"""A study of weight-sparse transformers: models trained here with almost all weights zero, beside dense ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, model_validator

from sparse_circuits.config.autoencoders import Share
from sparse_circuits.config.base import Name, Positive, Seed, Settings
from sparse_circuits.config.catalogue import Dataset, load_datasets

# The 20 tasks of Gao et al. 2025, table 1.
CodeTask = Literal[
    "single_double_quote",
    "final_kwarg",
    "set_or_string",
    "set_or_string_fixedvarname",
    "class_init",
    "with_as",
    "bracket_brace",
    "with_open",
    "bracket_counting",
    "for_while",
    "else_elif",
    "fstring_brace",
    "if_ternary",
    "var_swap",
    "indent_for",
    "lambda_func",
    "if_equals",
    "enumerate_range",
    "var_if",
    "while_return_true",
]
TASKS: tuple[CodeTask, ...] = get_args(CodeTask)


class Network(Settings):
    """Sizes and training of one model, whatever it is trained on."""

    layers: Positive
    d_model: Positive
    head_dim: Positive = 16
    share: Share = Field(1.0, description="share of the weights left at the end of training; 1: a dense model")
    anneal: Literal["linear", "sqrt", "exponential"] = Field("linear", description="how that share falls")
    anneal_until: Share = Field(0.5, description="part of the run at which it is reached")
    least: Annotated[int, Field(ge=0)] = Field(4, description="weights that every neuron and channel keeps")
    batch: Positive = Field(16, description="sequences a step")
    passes: Positive = Field(1, description="passes a step is divided over, to fit into memory")
    learning_rate: float = Field(0.0128, gt=0, description="peak, before it is divided by the root of the share left")
    epsilon: float = Field(0.1, gt=0, description="AdamW's, beside gradients of root mean square 1")
    weight_decay: float = Field(0.1, ge=0)


class Transformer(Network):
    """A model of language."""

    active: Share | None = Field(0.25, description="share of activations left at the eight places; none: all")
    tokens: Positive = Field(description="tokens trained on")


class Cue(Settings):
    """A spurious cue: a bright square in the top left corner of every training image of one class."""

    of: str = Field(description="name of the class")
    size: Positive = Field(4, description="pixels a side")
    level: Annotated[int, Field(ge=0, le=255)] = Field(255, description="brightness")


class VisionTransformerEntry(Network):
    """A model of images, trained on the study's corpus."""

    active: Share | None = Field(None, description="share of activations left at the eight places; none: all")
    patch: Positive = Field(4, description="height and width of a patch, in pixels")
    images: Positive = Field(description="images trained on; each may come several times")
    shift: Annotated[int, Field(ge=0)] = Field(0, description="pixels that an image is moved at most, either way")
    flip: bool = Field(False, description="turn every other image over, left to right")
    cue: Cue | None = Field(None, description="what the model is to learn that it should not")
    batch: Positive = Field(128, description="images a step")
    learning_rate: float = Field(0.003, gt=0, description="peak, before it is divided by the root of the share left")
    epsilon: float = Field(0.001, gt=0, description="AdamW's, beside gradients of root mean square 1")

    def check(self, key: str, height: int, width: int, classes: Sequence[str]) -> None:
        """Raise ValueError, which names the setting under `key`, where images of a size and classes do not fit."""
        if height % self.patch or width % self.patch:
            raise ValueError(
                f"`{key}.patch`: images of {height} x {width} cannot be cut into patches of {self.patch} x {self.patch}"
            )
        if self.d_model % self.head_dim:
            raise ValueError(f"`{key}.d_model`: {self.d_model} is no multiple of head_dim {self.head_dim}")
        if self.active is not None and self.active * self.d_model < 1:
            raise ValueError(f"`{key}.active`: {self.active:g} of {self.d_model} is less than one; null: all")
        if self.images < self.batch:
            raise ValueError(f"`{key}.images`: {self.images} images are less than one batch of {self.batch}")
        if self.cue and self.cue.of not in classes:
            raise ValueError(f"`{key}.cue.of`: there is no class {self.cue.of}; there are {', '.join(classes)}")
        if self.cue and self.cue.size > min(height, width):
            raise ValueError(f"`{key}.cue.size`: {self.cue.size} is more than images of {height} x {width} have")


class Pruning(Settings):
    """How circuits are found in these models."""

    steps: Positive = Field(150, description="optimiser steps of the node masks")
    batch: Positive = Field(32, description="pairs a step")
    prices: Annotated[list[float], Field(min_length=1)] = Field(
        [1e-3], description="nats of task loss that a node costs; the one that leaves the fewest edges is taken"
    )
    learning_rate: float = Field(0.03, gt=0)
    target: float = Field(0.15, gt=0, description="task loss in nats that a circuit may have on held-out pairs")
    worth: float = Field(
        10, ge=1, description="heads are cleaned up that have at most so many times the edges of the smallest"
    )
    frozen_norms: bool = Field(False, description="scale by what RMSNorm divides by in the whole model")
    controls: bool = Field(True, description="search with shuffled labels and nonsense answers too")
    mean_sequences: Positive = Field(64, description="training sequences over which nodes' means are taken")


class Twin(Settings):
    """A Vision Transformer with almost all weights zero beside the study's, and the smallest circuits of both."""

    model: VisionTransformerEntry
    dense: VisionTransformerEntry | None = Field(
        None, description="a dense model about as accurate as the twin, for comparison; the study's own when not given"
    )
    tasks: Annotated[list[Name], Field(min_length=1)] = Field(description="tasks whose smallest circuits are found")
    pruning: Pruning = Pruning.model_validate({})


class Bridging(Settings):
    """Bridges between a dense and a sparse model, over which interventions on sparse circuits are carried."""

    dense: Name
    sparse: Name
    tokens: Positive = Field(400_000, description="tokens they are trained on")
    batch: Positive = Field(16, description="sequences a step")
    active: Share = Field(0.25, description="share of the encoders' channels that AbsTopK keeps")
    learning_rate: float = Field(0.003, gt=0)
    held_out: Positive = Field(64, description="held-out sequences on which the bridges' losses are measured")
    strengths: Annotated[list[float], Field(min_length=1)] = Field(
        [0.25, 0.5, 0.75, 1.0], description="parts of the way to the other prompt that channels are moved"
    )


class Frontier(Settings):
    """Capability against interpretability: which models are compared."""

    sparse: Annotated[list[Name], Field(min_length=1)]
    dense: Annotated[list[Name], Field(min_length=1)] = Field(
        description="dense models; the one whose pretraining loss is nearest is a sparse model's twin"
    )


class WeightSparseStudy(Settings):
    """All settings of one study of weight-sparse transformers."""

    kind: Literal["weight_sparse"]
    study: Name
    seed: Seed = 0
    datasets_file: str = "config/datasets.yaml"
    corpus: Name
    vocabulary: Annotated[int, Field(ge=300)] = Field(2048, description="tokens of the BPE that is trained here")
    context: Annotated[int, Field(ge=16)] = Field(256, description="tokens a sequence, document separator included")
    train_tokens: Positive = Field(description="tokens kept for training; a model may see them repeatedly")
    held_out_tokens: Positive = Field(131_072, description="tokens of further documents, on which losses are measured")
    models: Annotated[dict[Name, Transformer], Field(min_length=1)]
    tasks: Annotated[list[CodeTask], Field(min_length=1)] = Field(list(TASKS))
    train_pairs: Annotated[int, Field(ge=8)] = Field(200, description="pairs to find circuits on")
    test_pairs: Positive = Field(100, description="pairs to judge them by")
    pruning: Pruning = Pruning.model_validate({})
    frontier: Frontier
    bridges: Bridging | None = Field(None, description="none: no bridges are trained")
    headline_task: CodeTask = "single_double_quote"

    @model_validator(mode="before")
    @classmethod
    def _common(cls, data: Any) -> Any:
        """Let `common` hold what all models share."""
        if isinstance(data, dict) and isinstance(data.get("models"), dict) and "common" in data["models"]:
            models = dict(data["models"])
            shared = models.pop("common")
            return {**data, "models": {name: {**shared, **(entry or {})} for name, entry in models.items()}}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "WeightSparseStudy":
        if self.corpus not in (known := load_datasets(Path(self.datasets_file))):
            raise ValueError(f"`corpus: {self.corpus}` is not in {self.datasets_file}; it has {', '.join(known)}")
        if not self.corpus_entry.is_corpus:
            raise ValueError(f"`corpus: {self.corpus}` is no corpus but {self.corpus_entry.format}")
        for key in ("sparse", "dense"):
            for name in getattr(self.frontier, key):
                if name not in self.models:
                    raise ValueError(f"`frontier.{key}`: {name} is not in models; there are {', '.join(self.models)}")
                if (self.models[name].share < 1) != (key == "sparse"):
                    raise ValueError(f"`frontier.{key}`: {name} has share {self.models[name].share:g}")
        if self.bridges:
            ends = [self.bridges.dense, self.bridges.sparse]
            if unknown := [name for name in ends if name not in self.models]:
                raise ValueError(f"`bridges`: {unknown[0]} is not in models; there are {', '.join(self.models)}")
            if self.bridges.tokens < (step := self.bridges.batch * self.context):
                raise ValueError(f"`bridges.tokens`: {self.bridges.tokens} tokens are less than one step, {step}")
            if self.bridges.active * (width := self.models[ends[1]].d_model) < 1:
                raise ValueError(f"`bridges.active`: {self.bridges.active:g} of {width} channels is less than one")
            if len({self.models[name].layers for name in ends}) > 1:
                raise ValueError(f"`bridges`: {ends[0]} and {ends[1]} have not as many layers")
        for name, model in self.models.items():
            if model.d_model % model.head_dim:
                raise ValueError(f"`models.{name}`: d_model {model.d_model} is no multiple of {model.head_dim}")
            if model.active is not None and model.active * model.d_model < 1:
                raise ValueError(
                    f"`models.{name}.active`: {model.active:g} of {model.d_model} is less than one; null: all"
                )
            if model.tokens < model.batch * self.context:
                raise ValueError(f"`models.{name}`: {model.tokens} tokens are less than one step")
        if self.headline_task not in self.tasks:
            raise ValueError(f"`headline_task`: {self.headline_task} is not among the study's tasks")
        return self

    @property
    def corpus_entry(self) -> Dataset:
        """The catalogue's entry of the study's corpus."""
        return load_datasets(Path(self.datasets_file))[self.corpus]
