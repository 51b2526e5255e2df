"""Settings of the step that chooses a circuit."""

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Settings, Share, StepSettings
from sparse_circuits.config.shared import OfStudy, Seeded, Sited


class Thresholds(Settings):
    """What belongs to a circuit."""

    node_threshold: Share = Field(description="keep nodes whose score is at least this share of the total effect")
    edge_threshold: Share = Field(description="keep edges whose weight is at least this share of the total effect")


class Weighing(Settings):
    """Whether edges are weighed."""

    edges: bool = Field(True, description="weigh the edges between the nodes of circuits")


class FindCircuit(Thresholds, Weighing, OfStudy, Seeded, Sited, StepSettings):
    """Which nodes and edges make a circuit."""

    task: Name = Field(description="name of the task")
    basis: Name = Field(description="name of the kind of nodes")
    edge_pairs: Positive = Field(16, description="pairs to draw, over which edges are averaged")
