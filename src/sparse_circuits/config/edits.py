"""Settings of edits: behaviours to change or to keep, what is done to the model, and what it is set beside."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Positive, Settings, Share, SiteName
from sparse_circuits.config.label_nodes import Labels
from sparse_circuits.config.shared import Sited

Baseline = Literal["random", "leace", "mean_difference", "deletion"]


class Select(Settings):
    """Features chosen one by one, as few as close the goal's gap at no harm to what is kept."""

    kind: Literal["select"]
    at_most: Positive = Field(20, description="most features to choose")
    target: Share = Field(0.15, description="stop when this share of the gap is left on training pairs")
    accuracy: float = Field(0.01, ge=0, description="drop of accuracy on each kept behaviour that is allowed")
    loss: float = Field(0.006, ge=0, description="rise of next-token loss on text that is allowed, in nats")
    shortlist: Positive = Field(5, description="features tried in each round, the best by attribution")
    factors: list[float] = Field([0.0, -1.0], description="what a feature is multiplied by; 0 ablates it")
    keywords: list[str] = Field(
        [], description="only features one of whose ten most promoted tokens is among these; all when not given"
    )
    text: Positive = Field(16, description="training sequences on which the loss is watched")
    about: str | None = Field(None, description="only features that `judge` holds to be about this")
    judge: Labels | None = Field(None, description="a language model that is shown what a feature does")

    @model_validator(mode="after")
    def _judged(self) -> "Select":
        if (self.about is None) != (self.judge is None):
            raise ValueError("`about` and `judge` go together: what features must be about, and who says so")
        return self


class Rewrite(Settings):
    """Nodes listed by hand: ablated, scaled, or clamped."""

    kind: Literal["rewrite"]
    nodes: Annotated[list[str], Field(min_length=1)] = Field(description="such as `resid_post.14/1944`")
    factor: float = Field(0.0, description="what their coordinates are multiplied by; 0 ablates them")
    clamp: float | None = Field(None, description="what their coordinates are set to instead")
    below: float | None = Field(None, description="leave a coordinate of this size or larger as it is")


class MeanAblate(Settings):
    """Nodes listed by hand, set to their means over text."""

    kind: Literal["mean_ablate"]
    nodes: Annotated[list[str], Field(min_length=1)] = Field(description="such as `resid_post.14/1944`")


class OfCircuit(Settings):
    """A circuit's nodes set to their means over text, or all other nodes."""

    kind: Literal["keep_circuit", "remove_circuit"]
    task: Name = Field(description="the task whose circuit it is")


class Erase(Settings):
    """What tells a behaviour's clean prompts from its patch prompts, erased."""

    kind: Literal["leace", "mean_difference"]
    behaviour: Name = Field(description="whose prompts are told apart")
    sites: Annotated[list[SiteName], Field(min_length=1)] = Field(description="where the difference is erased")


Operation = Annotated[Select | Rewrite | MeanAblate | OfCircuit | Erase, Field(discriminator="kind")]


class Distillation(Settings):
    """How a model is trained to do by its weights what an edit does by hooks."""

    rank: Positive = Field(8, description="of the change of each matrix")
    steps: Positive = Field(150, description="optimiser steps, of 8 sequences or one group of prompts each")
    learning_rate: float = Field(1e-3, gt=0, description="AdamW's, falling to 0")


class EditSettings(Settings):
    """One edit: what it is to change, what must stay, what is done in which order, and what it is set beside."""

    goal: Name = Field(description="behaviour or task whose gap between clean and patch is to be closed")
    keep: Annotated[dict[Name, list[Name]], Field(min_length=1)] = Field(
        description="behaviours and tasks whose accuracy is to stay, by the name under which it is reported"
    )
    operations: Annotated[list[Operation], Field(min_length=1)] = Field(description="what is done, in this order")
    basis: Name = Field("features", description="what the nodes are: a basis of `circuits`")
    statistics: Name | None = Field(
        None, description="behaviour of occupations, for the correlation with shares of women"
    )
    baselines: list[Baseline] = Field(
        ["random", "leace", "mean_difference", "deletion"], description="what the edit is compared with"
    )
    random_seeds: Positive = Field(3, description="draws of random features")
    permanent: Literal["added_layer", "distilled"] | None = Field(
        None,
        description="how a model that keeps the edit is made: one more layer for each edited site, for features of the "
        "residual stream that are rewritten; or low-rank changes of the weights, for every operation",
    )
    distillation: Distillation = Distillation.model_validate({})
    fit_sequences: Positive = Field(160, description="training sequences that means and permanent models are fitted on")
    prompts: list[str] = Field([], description="texts to go on from, before and after")

    @model_validator(mode="after")
    def _permanent(self) -> "EditSettings":
        others = [o.kind for o in self.operations if o.kind not in ("select", "rewrite")]
        if self.permanent == "added_layer" and others:
            raise ValueError(
                f"`permanent: added_layer` keeps rewritten features alone, not `{others[0]}`; `distilled` keeps all"
            )
        if self.permanent == "added_layer" and any(
            o.kind == "rewrite" and o.clamp is not None for o in self.operations
        ):
            raise ValueError(
                "`permanent: added_layer` keeps no `clamp`, which acts on silent features too; `distilled` does"
            )
        if sum(isinstance(operation, Select) for operation in self.operations) > 1:
            raise ValueError("`operations` may have one `select`")
        named = [node for operation in self.operations if isinstance(operation, Rewrite) for node in operation.nodes]
        if twice := [node for node in named if named.count(node) > 1]:
            raise ValueError(f"`operations`: {twice[0]} is rewritten twice; name it once")
        return self

    @property
    def needs(self) -> list[str]:
        """The behaviours and tasks whose pairs are read."""
        erased = [operation.behaviour for operation in self.operations if isinstance(operation, Erase)]
        kept = [name for names in self.keep.values() for name in names]
        return list(dict.fromkeys([self.goal, *kept, *erased, *([self.statistics] if self.statistics else [])]))

    @property
    def circuits(self) -> list[str]:
        """The tasks whose circuits are kept or removed."""
        return [operation.task for operation in self.operations if isinstance(operation, OfCircuit)]


class OfEdit(Sited):
    """A step that works on one edit."""

    edit: EditSettings = Field(description="the edit")
