"""A study of weight-sparse transformers: models trained here with almost all weights zero, beside dense ones."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Positive, Seed
from sparse_circuits.config.catalogue import Dataset, load_datasets
from sparse_circuits.config.code_tasks import TASKS, CodeTask
from sparse_circuits.config.compare_frontier import Frontier
from sparse_circuits.config.prune_task import Pruning
from sparse_circuits.config.train_bridges import Bridging
from sparse_circuits.config.train_tokenizer import VocabularySize
from sparse_circuits.config.train_transformer import Transformer


class WeightSparseStudy(VocabularySize):
    """All settings of one study of weight-sparse transformers."""

    kind: Literal["weight_sparse"] = Field(description="tells this kind of study from the other")
    study: Name = Field(description="name of the study; circuits, figures and report are in folders of this name")
    seed: Seed = Field(0, description="of all that is drawn: order of documents, weights, pairs, random circuits")
    datasets_file: str = Field("config/datasets.yaml", description="the catalogue of corpora and other data")
    corpus: Name = Field(description="a name from `datasets_file`")
    context: Annotated[int, Field(ge=16)] = Field(256, description="tokens in a sequence, separator included")
    train_tokens: Positive = Field(description="tokens kept for training; a model may see them repeatedly")
    held_out_tokens: Positive = Field(131_072, description="tokens of further documents, on which losses are measured")
    models: Annotated[dict[Name, Transformer], Field(min_length=1)] = Field(
        description="models that are trained, by name; what stands under `common` is shared by all"
    )
    tasks: Annotated[list[CodeTask], Field(min_length=1)] = Field(
        list(TASKS), description="tasks that circuits are found for (`tasks/code_templates.yaml`)"
    )
    train_pairs: Annotated[int, Field(ge=8)] = Field(200, description="pairs to find circuits on")
    test_pairs: Positive = Field(100, description="pairs to judge circuits on")
    pruning: Pruning = Pruning.model_validate({})
    frontier: Frontier
    bridges: Bridging | None = Field(
        None, description="bridges between two of the models; none are trained when not given"
    )
    headline_task: CodeTask = Field("single_double_quote", description="the task whose circuits are drawn")

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
        if self.corpus not in (known := self.datasets):
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
                raise ValueError(f"`bridges`: {ends[0]} and {ends[1]} have different numbers of layers")
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
        return self.datasets[self.corpus]

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The catalogue of datasets."""
        return load_datasets(Path(self.datasets_file))
