"""Settings of circuits: which nodes there are, how they are scored, and how circuits are chosen and judged."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.autoencoders import Share
from sparse_circuits.config.base import Name, Positive, Settings

Method = Literal[
    "integrated_gradients", "input_integrated_gradients", "attribution_patching", "relp", "gradient_activation"
]
Search = Literal["thresholds", "greedy", "hard_concrete", "heaviside"]
COORDINATES = {"neurons": "mlp_neurons", "heads": "heads", "channels": "resid_post"}  # bases and kinds of their sites


class Scoring(Settings):
    """How nodes are scored."""

    method: Method = Field("integrated_gradients", description="attribution method")
    steps: Positive | None = Field(None, description="points of integrated gradients; 10 when not given")
    edges: bool = Field(True, description="weigh the edges between the nodes of circuits")
    prove: bool = Field(True, description="put circuits to the proof: hypothesis tests, stability, controls")
    by_position: bool = Field(False, description="a node for each position, in tasks of one template and length")

    @model_validator(mode="after")
    def _integrates(self) -> "Scoring":
        if self.steps and not self.method.endswith("integrated_gradients"):
            raise ValueError(f"`steps` has no part in `{self.method}`")
        return self


class FeatureBasis(Scoring):
    """Nodes are features of an autoencoder or transcoder, and one error node a site."""

    sae: Name = Field(description="which of the study's autoencoders or transcoders")


class CoordinateBasis(Scoring):
    """Nodes are coordinates of the model itself, in every layer or in some."""

    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = Field(
        None, description="layers whose coordinates are nodes, ascending; all of them when not given"
    )

    @model_validator(mode="after")
    def _ascending(self) -> "CoordinateBasis":
        if self.layers and sorted(set(self.layers)) != self.layers:
            raise ValueError(f"`layers` must ascend without repeats, found {self.layers}")
        return self


class MinimalCircuits(Settings):
    """How the smallest circuit that is faithful enough is searched for."""

    search: Search = Field("heaviside", description="how candidates are ranked")
    target: Share = Field(0.75, description="faithfulness asked for on held-out training pairs")
    candidates: Positive = Field(300, description="nodes to choose from, the best scored")
    held_out: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.25, description="share of the training pairs that judge circuits, the last ones"
    )


class Circuits(Settings):
    """How circuits are found and judged."""

    features: FeatureBasis | None = Field(None, description="features of an autoencoder or transcoder")
    transcoders: FeatureBasis | None = Field(None, description="features of another autoencoder or transcoder, beside")
    neurons: CoordinateBasis | None = Field(None, description="nodes are MLP neurons of all layers")
    heads: CoordinateBasis | None = Field(None, description="nodes are attention heads of all layers")
    channels: CoordinateBasis | None = Field(None, description="nodes are channels of the residual stream, all layers")
    compared_methods: list[Method] = Field(
        [], description="score the headline task's nodes by these methods too, to see how far they agree"
    )
    minimal: MinimalCircuits | None = Field(None, description="search for minimal circuits; not when not given")
    sizes: Annotated[list[Positive], Field(min_length=2)] = Field(description="nodes a circuit, ascending")
    node_threshold: Share = Field(description="keep nodes whose score is at least this share of the metric gap")
    edge_threshold: Share = Field(description="keep edges whose weight is at least this share of the metric gap")
    score_pairs: Positive | None = Field(None, description="score nodes on so many training pairs")
    judge_pairs: Positive | None = Field(None, description="judge circuits on so many test pairs")
    prove_pairs: Positive | None = Field(None, description="compare circuits with random ones on so many test pairs")
    random_circuits: Positive = Field(3, description="matched random circuits at each size")
    batch_tokens: Positive = Field(2048, description="tokens in one forward pass, all circuits of the batch together")

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
