"""The models and datasets that studies refer to by name (config/models.yaml, config/datasets.yaml)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Settings, validate
from sparse_circuits.config.load import read_yaml
from sparse_circuits.config.source import Sourced


class Model(Sourced):
    """A causal language model."""

    format: Literal["huggingface", "gguf", "csp"] = Field(
        description="what the fetched files are; csp: OpenAI's weight-sparse transformers"
    )
    num_layers: Positive
    d_model: Positive
    document_separator: str = Field(description="the token that each sequence begins with, as in pretraining")


class Dataset(Sourced):
    """A corpus of documents, or other data that studies work on."""

    format: Literal["jsonl", "parquet", "text", "python", "professions", "biographies"] = Field(
        description="text: one document a file; python: the same, without comments and docstrings; and no corpora: "
        "professions, lists with stereotypes and shares of women; biographies, Parquet files as of Bias in Bios"
    )
    text_field: str = Field("text", description="field of a row that holds the document")

    @property
    def is_corpus(self) -> bool:
        """Whether it has documents to run a model on."""
        return self.format not in ("professions", "biographies")


class PublishedSAE(Sourced):
    """A trained sparse autoencoder that somebody published."""

    format: Literal["saelens", "gemma_scope", "dictionary_learning", "sparsify"] = Field(
        description="the library that wrote the files"
    )


class Models(Settings):
    """A file of models."""

    models: Annotated[dict[Name, Model], Field(min_length=1)]


class Datasets(Settings):
    """A file of datasets."""

    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]


def load_models(path: Path) -> dict[str, Model]:
    """Read a catalogue of models; raise StudyError naming file and key of the first mistake."""
    return dict(validate(Models, read_yaml(path), str(path)).models)


def load_datasets(path: Path) -> dict[str, Dataset]:
    """Read a catalogue of datasets; raise StudyError naming file and key of the first mistake."""
    return dict(validate(Datasets, read_yaml(path), str(path)).datasets)
