"""A study's `twin`: a weight-sparse model beside its Vision Transformer."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Settings
from sparse_circuits.config.prune_task import Pruning
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry


class Twin(Settings):
    """A Vision Transformer with almost all weights zero beside the study's, and the smallest circuits of both."""

    model: VisionTransformerEntry
    dense: VisionTransformerEntry | None = Field(
        None, description="a dense model about as accurate as the twin, for comparison; the study's own when not given"
    )
    tasks: Annotated[list[Name], Field(min_length=1)] = Field(description="tasks whose smallest circuits are found")
    pruning: Pruning = Pruning.model_validate({})
