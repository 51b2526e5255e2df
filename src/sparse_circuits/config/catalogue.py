"""The models and datasets that studies refer to by name (config/models.yaml, config/datasets.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sparse_circuits.base.files import read_json, read_text
from sparse_circuits.config.base import Name, Positive, Settings, Sha256, validate
from sparse_circuits.config.source import FileSource, Sourced
from sparse_circuits.config.yaml_file import read_yaml


def _listed(value: Any) -> Any:
    """The lines of a file that is named instead of a list; those that begin with # are comments."""
    if isinstance(value, str):
        return [line for line in read_text(Path(value)).splitlines() if line and not line.startswith("#")]
    return value


Classes = Annotated[
    list[str],
    Field(min_length=2, description="names of the classes, label 0 first, or a file with one a line"),
    BeforeValidator(_listed, json_schema_input_type=list[str] | str),
]


SIZES = {"num_layers": ("num_hidden_layers", "n_layer"), "d_model": ("hidden_size", "n_embd")}  # in config.json


def known_size(config: Mapping[str, Any], key: str) -> int | None:
    """Return a size of the part of a model that sees, or else of the whole, by our key; None where it is not said."""
    part = config.get("vision_config", config)
    return next((part[name] for name in SIZES[key] if name in part), None)


class ModelEntry(Sourced):
    """A causal language model, or one that recognises images."""

    format: Literal["huggingface", "gguf", "csp", "torchvision"] = Field(
        description="what the fetched files are: a folder that `from_pretrained` loads, one GGUF file, one of OpenAI's "
        "weight-sparse transformers, or MobileNetV2's file of weights"
    )
    classes: Classes | None = Field(None, description="what a model of images tells apart; names, or a file of them")
    num_layers: Positive | None = Field(
        None, description="checked against the files; without it, a study's layers are checked once they are fetched"
    )
    d_model: Positive | None = Field(None, description="checked against the files")
    document_separator: str = Field(
        description="text of the one token that each sequence and prompt begins with, as in pretraining"
    )

    @model_validator(mode="after")
    def _classes_named(self) -> "ModelEntry":
        if self.format == "torchvision" and self.classes is None:
            raise ValueError("format torchvision needs `classes`")
        return self

    @property
    def known_config(self) -> dict[str, Any]:
        """The model's config.json, where it lies on this machine; else what the format says of the family, if that."""
        for source in self.sources:
            if isinstance(source, FileSource) and "config.json" in source.files:
                path = Path(source.folder, "config.json")
                return dict(read_json(path)) if path.is_file() else {}
        family = {"torchvision": "mobilenet", "csp": "weight_sparse_gpt"}.get(self.format)
        return {"model_type": family} if family else {}

    def size(self, key: str) -> int | None:
        """Return its `num_layers` or `d_model`, as far as it is known before the model is fetched."""
        return getattr(self, key) or known_size(self.known_config, key)


class Split(Settings):
    """The files of one split, by their names without .gz."""

    images: Name = Field(description="file of the images")
    labels: Name = Field(description="file of their labels")


class Images(Settings):
    """Labelled images in IDX files, gzipped or not."""

    shape: tuple[Positive, Positive, Positive] = Field(description="height, width, channels (1: grey, 3: colour)")
    classes: Classes
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


class Photographs(Settings):
    """JPEG or PNG files in colour, whose names end in the number of their class."""

    shape: tuple[Positive, Positive, Literal[3]] = Field(description="height, width, channels of a crop; a square")
    classes: Classes
    crops: Positive = Field(12, description="crops of each photograph for training, and as many for testing")

    @model_validator(mode="after")
    def _square(self) -> "Photographs":
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"`shape`: crops are squares, found {self.shape[0]} x {self.shape[1]}")
        return self


FORMATS = (
    "`text`: one document a file; `python`: the same, without comments and docstrings; `images`: IDX files or the "
    "hub's Parquet files; `photographs`: JPEG or PNG files. No corpora: `professions`, lists with stereotypes and "
    "shares of women; `biographies`, Parquet files as of Bias in Bios"
)


class Dataset(Sourced):
    """A corpus of documents, or other data that studies work on."""

    format: Literal["jsonl", "parquet", "text", "python", "images", "photographs", "professions", "biographies"] = (
        Field(description=FORMATS)
    )
    text_field: str = Field("text", description="field or column that holds the document")
    images: Images | None = Field(None, description="what the images are, of format images")
    photographs: Photographs | None = Field(None, description="what the photographs are, of format photographs")

    @model_validator(mode="after")
    def _images_described(self) -> "Dataset":
        for name, needed in (("images", "shape, classes and files"), ("photographs", "shape and classes")):
            if (self.format == name) != (getattr(self, name) is not None):
                raise ValueError(f"format {name}, and no other, needs `{name}`: {needed}")
        return self

    @property
    def pictures(self) -> Images | Photographs | None:
        """What a model of images sees; None for a corpus of text."""
        return self.images or self.photographs

    @property
    def is_corpus(self) -> bool:
        """Whether it has documents to run a model on."""
        return self.format not in ("professions", "biographies")


class PublishedSAE(Sourced):
    """A trained sparse autoencoder that somebody published."""

    format: Literal["saelens", "gemma_scope", "dictionary_learning", "sparsify"] = Field(
        description="the library that wrote the files (docs/reference/studies.md)"
    )


class Models(Settings):
    """A file of models."""

    models: Annotated[dict[Name, ModelEntry], Field(min_length=1)]


class Datasets(Settings):
    """A file of datasets."""

    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]


def load_models(path: Path) -> dict[str, ModelEntry]:
    """Read a catalogue of models; raise StudyError naming file and key of the first mistake."""
    return dict(validate(Models, read_yaml(path), str(path)).models)


def load_datasets(path: Path) -> dict[str, Dataset]:
    """Read a catalogue of datasets; raise StudyError naming file and key of the first mistake."""
    return dict(validate(Datasets, read_yaml(path), str(path)).datasets)
