"""Settings of transfer: whether nodes found on templates carry natural sentences too."""

from typing import Annotated

from pydantic import Field, model_validator

from sparse_circuits.config.base import Positive, Settings


class Transfer(Settings):
    """Natural sentences of the corpus, on which the nodes found on agreement templates are judged."""

    sentences: Annotated[int, Field(ge=4)] = Field(200, description="sentences to fit on, and as many to judge by")
    shortest: Positive = Field(4, description="fewest tokens of a prefix")
    longest: Positive = Field(16, description="most tokens of a prefix")
    nodes: Positive = Field(100, description="nodes that are judged")
    random_circuits: Positive = Field(5, description="matched random circuits beside them")

    @model_validator(mode="after")
    def _range(self) -> "Transfer":
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` is {self.shortest} and `longest` {self.longest}")
        return self
