"""Settings of circuits: which nodes there are, how they are scored, and how circuits are chosen and judged."""

from typing import Annotated

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name
from sparse_circuits.config.evaluate_circuit import Judging
from sparse_circuits.config.find_circuit import Thresholds, Weighing
from sparse_circuits.config.minimise_circuit import MinimalCircuits
from sparse_circuits.config.prove_circuit import ProvedPairs
from sparse_circuits.config.score_nodes import Method, ScoredPairs, Scoring
from sparse_circuits.config.shared import Batched

COORDINATES = {"neurons": "mlp_neurons", "heads": "heads", "channels": "resid_post"}  # bases and kinds of their sites


class Nodes(Weighing, Scoring):
    """What is done with the nodes of a basis."""

    prove: bool = Field(True, description="put circuits to the proof: hypothesis tests, stability, controls")


class FeatureBasis(Nodes):
    """Nodes are features of an autoencoder or transcoder, and one error node a site."""

    sae: Name = Field(description="which of `saes`: autoencoders at `sites`, or transcoders at `transcoder_layers`")


class CoordinateBasis(Nodes):
    """Nodes are coordinates of the model itself, in every layer or in some."""

    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        None, description="layers whose coordinates are nodes, ascending; all of them when not given"
    )

    @model_validator(mode="after")
    def _ascending(self) -> "CoordinateBasis":
        if self.layers and sorted(set(self.layers)) != self.layers:
            raise ValueError(f"`layers` must ascend without repeats, found {self.layers}")
        return self


class Circuits(Batched, ProvedPairs, ScoredPairs, Thresholds, Judging):
    """How circuits are found and judged."""

    features: FeatureBasis | None = Field(None, description="circuits of features of an autoencoder or transcoder")
    transcoders: FeatureBasis | None = Field(None, description="circuits of features of another one too")
    neurons: CoordinateBasis | None = Field(None, description="circuits of MLP neurons")
    heads: CoordinateBasis | None = Field(None, description="circuits of attention heads")
    channels: CoordinateBasis | None = Field(None, description="circuits of channels of the residual stream")
    compared_methods: list[Method] = Field(
        [], description="score the headline task's nodes by these methods too, to see how far they agree"
    )
    minimal: MinimalCircuits | None = Field(
        None, description="search for the smallest circuits; there is no search when not given"
    )

    @model_validator(mode="after")
    def _ascending(self) -> "Circuits":
        if sorted(set(self.sizes)) != self.sizes:
            raise ValueError(f"`sizes` must ascend without repeats, found {self.sizes}")
        shown = next(iter(self.bases.values()), None)
        if shown and shown.method in self.compared_methods:
            raise ValueError(f"`compared_methods`: {shown.method} is the method itself")
        if not self.bases:
            raise ValueError("name nodes: features, transcoders, " + ", ".join(COORDINATES))
        return self

    @property
    def bases(self) -> dict[str, "FeatureBasis | CoordinateBasis"]:
        """The kinds of nodes asked for, by name."""
        found = {name: getattr(self, name) for name in ("features", "transcoders", *COORDINATES)}
        return {name: settings for name, settings in found.items() if settings}
