"""Settings of SHIFT: a classifier that learnt the wrong thing, and what of it is taken out (Marks et al. 2024)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Positive, Settings, Share, SiteName

Words = Annotated[list[str], Field(min_length=1)]


class Shift(Settings):
    """Two professions, told apart by a linear probe that is trained where gender tells them apart as well."""

    biographies: Name | None = Field(
        None,
        description="entry of config/datasets.yaml with biographies; when not given, the study's model writes them",
    )
    professions: dict[Name, Words] = Field(
        description="two professions: the first one's men and the second one's women are trained on; each with words "
        "of which a biography that the model writes must have one"
    )
    site: SiteName = Field(description="whose activations, averaged over positions, the probe reads")
    basis: Name = Field("features", description="what the nodes are: a basis of features of `circuits`")
    train: Positive = Field(80, description="biographies of each profession that the probe is trained on")
    test: Positive = Field(40, description="biographies of each profession and gender that it is tested on")
    tokens: Positive = Field(48, description="tokens of a biography")
    scored: Positive = Field(64, description="biographies on which nodes' effects on the probe are measured")
    nodes: Positive = Field(60, description="nodes of the probe's circuit, those of the largest effects")
    on_words: Share = Field(0.5, description="share of its activation on words of gender from which a node is about it")
    ablation: Literal["mean", "zero"] = Field(
        "mean", description="what an ablated feature stands at: its mean over the biographies trained on, or 0"
    )
    seeds: Positive = Field(5, description="draws of the biographies that are trained and tested on")

    @model_validator(mode="after")
    def _two(self) -> "Shift":
        if len(self.professions) != 2:
            raise ValueError(f"`professions` must be two, found {len(self.professions)}")
        return self
