"""Settings of the step that trains a tokenizer."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Settings, StepSettings


class VocabularySize(Settings):
    """The size of the vocabulary."""

    vocabulary: Annotated[int, Field(ge=300)] = Field(2048, description="tokens of the BPE that is trained here")


class TrainTokenizer(VocabularySize, StepSettings):
    """Which tokenizer is trained."""
