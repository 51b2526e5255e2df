"""Settings of the step that scores nodes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Positive, Settings, StepSettings
from sparse_circuits.config.shared import Batched, Seeded, Sited

Method = Literal[
    "integrated_gradients", "input_integrated_gradients", "attribution_patching", "relp", "gradient_activation"
]


def integrates(method: str) -> bool:
    """Return whether a method has points of an integral."""
    return method.endswith("integrated_gradients")


class Scoring(Settings):
    """How nodes are scored."""

    method: Method = Field("integrated_gradients", description="attribution method")
    steps: Positive | None = Field(None, description="points of integrated gradients; 10 when not given")
    by_position: bool = Field(False, description="a node for each position, in tasks of one template and length")

    @classmethod
    def of(cls, method: str, points: int, by_position: bool = False) -> "Scoring":
        """Return the scoring by a method, whose `points` count where it integrates."""
        steps = points if integrates(method) else None
        return Scoring.model_validate({"method": method, "steps": steps, "by_position": by_position})

    @property
    def points(self) -> int:
        """Points of integrated gradients; 1 for methods of one pass."""
        return self.steps or (10 if integrates(self.method) else 1)

    @model_validator(mode="after")
    def _integrates(self) -> Self:
        if self.steps and not integrates(self.method):
            raise ValueError(f"`steps` has no part in `{self.method}`")
        return self


class ScoredPairs(Settings):
    """What nodes are scored on."""

    score_pairs: Positive | None = Field(None, description="score nodes on so many training pairs; all when not given")


class ScoreNodes(Scoring, ScoredPairs, Batched, Seeded, Sited, StepSettings):
    """How the nodes of one basis are scored."""
