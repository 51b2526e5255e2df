"""Claims: what a model's answers may rest on, stated so that interventions can say whether it is so."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Settings


class Claim(Settings):
    """What becomes of a task's answers when something of the patch prompt is put into the clean prompt's run."""

    says: str = Field(description="the claim in words")
    task: Name = Field(description="task or behaviour whose pairs differ in the variable that the claim is about")
    variable: str = Field(description="that variable, one of those that the task's pairs state")
    swapped: Literal["prompt", "circuit", "around"] = Field(
        "prompt",
        description="what is taken from the patch prompt: all of it (then the share of pairs whose preferred answer "
        "changes is measured), the circuit's nodes, or every other node (then how much of its way the metric moves)",
    )
    circuit: Name | None = Field(
        None, description="the task whose circuit of features is swapped; the claim's own when not given"
    )
    edit: Name | None = Field(
        None, description="the edit whose permanent model the claim is tested on; the study's model when not given"
    )
    at_least: float | None = Field(None, description="the share is at least this")
    at_most: float | None = Field(None, description="the share is at most this")

    @model_validator(mode="after")
    def _one_bound(self) -> "Claim":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a claim has either `at_least` or `at_most`")
        if self.circuit and self.swapped == "prompt":
            raise ValueError("`circuit` has no part in a claim on whole prompts")
        return self

    @property
    def of_circuit(self) -> str | None:
        """The task whose circuit is swapped, if one is."""
        return None if self.swapped == "prompt" else self.circuit or self.task


class Claims(Settings):
    """A file of claims."""

    claims: Annotated[dict[Name, Claim], Field(min_length=1)]
