"""The models and datasets that studies refer to by name (config/models.yaml, config/datasets.yaml)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Positive, Settings, Sha256, validate
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


class Split(Settings):
    """The files of one split, by their names without .gz."""

    images: Name
    labels: Name


class Images(Settings):
    """Labelled images in IDX files, gzipped or not."""

    shape: tuple[Positive, Positive, Positive] = Field(description="height, width, channels (1: grey, 3: colour)")
    classes: Annotated[list[str], Field(min_length=2)] = Field(description="names of the classes, label 0 first")
    train: Split
    test: Split
    sha256: dict[Name, Sha256] = Field(description="sha256 of each file's unpacked bytes, wherever they come from")

    @model_validator(mode="after")
    def _pinned(self) -> "Images":
        for name in (self.train.images, self.train.labels, self.test.images, self.test.labels):
            if name not in self.sha256:
                raise ValueError(f"`sha256` has no {name}")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("`classes` has a name twice")
        return self


class Dataset(Sourced):
    """A corpus of documents, or other data that studies work on."""

    format: Literal["jsonl", "parquet", "text", "python", "images", "professions", "biographies"] = Field(
        description="text: one document a file; python: the same, without comments and docstrings; images: IDX files; "
        "no corpora: professions, lists with stereotypes and shares of women; biographies, Parquet files as of Bias in "
        "Bios"
    )
    text_field: str = Field("text", description="field of a row that holds the document")
    images: Images | None = Field(None, description="what the images are, of format images")

    @model_validator(mode="after")
    def _images_described(self) -> "Dataset":
        if (self.format == "images") != (self.images is not None):
            raise ValueError("format images, and no other, needs `images`: shape, classes and files")
        return self

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
