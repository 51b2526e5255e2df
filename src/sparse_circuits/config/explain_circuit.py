"""Settings of the step that explains a circuit of a weight-sparse model."""

from pydantic import Field

from sparse_circuits.config.base import Positive, Settings, StepSettings


class Masked(Settings):
    """What stands in the place of nodes that are not in a circuit."""

    frozen_norms: bool = Field(False, description="scale by what RMSNorm divides by in the whole model")
    mean_sequences: Positive = Field(64, description="training sequences over which nodes' means are taken")


class ExplainCircuit(Masked, StepSettings):
    """How the explained circuit was found."""
