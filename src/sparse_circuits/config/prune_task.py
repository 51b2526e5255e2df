"""Settings of the step that finds the smallest circuit of a weight-sparse model, and of a study's `pruning`."""

from typing import Annotated

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, StepSettings
from sparse_circuits.config.explain_circuit import Masked
from sparse_circuits.config.shared import OfStudy, Seeded


class Pruning(Masked):
    """How circuits are found in these models."""

    steps: Positive = Field(150, description="optimiser steps of the node masks")
    batch: Positive = Field(32, description="pairs a step")
    prices: Annotated[list[float], Field(min_length=1)] = Field(
        [1e-3], description="nats of task loss that a node costs; the one that leaves the fewest edges is taken"
    )
    learning_rate: float = Field(0.03, gt=0, description="of the node masks")
    target: float = Field(0.15, gt=0, description="task loss in nats that a circuit may have on held-out pairs")
    worth: float = Field(
        10,
        ge=1,
        description="beginnings of the ranking are cleaned up if they have at most so many times the edges of the "
        "smallest one",
    )
    controls: bool = Field(True, description="search with shuffled labels and nonsense answers too")


class PruneTask(Pruning, OfStudy, Seeded, StepSettings):
    """How the circuit of one task is found and judged."""

    task: Name = Field(description="name of the task")
    random_circuits: Positive = Field(20, description="random circuits beside the circuit")
