"""Settings of the step that takes gender out of a classifier."""

from typing import Literal

from pydantic import Field

from sparse_circuits.config.base import Positive, Share, SiteName, StepSettings
from sparse_circuits.config.shared import Seeded, Sited
from sparse_circuits.config.write_biographies import Biographies


class Experiment(Biographies):
    """Which probe is trained, and what of its circuit is taken out."""

    site: SiteName = Field(description="whose activations, averaged over positions, the probe reads")
    scored: Positive = Field(64, description="biographies on which nodes' effects on the probe are measured")
    nodes: Positive = Field(60, description="nodes of the probe's circuit, those of the largest effects")
    on_words: Share = Field(0.5, description="share of its activation on words of gender from which a node is about it")
    ablation: Literal["mean", "zero"] = Field(
        "mean", description="what an ablated feature stands at: its mean over the biographies trained on, or 0"
    )
    seeds: Positive = Field(5, description="draws of the biographies that are trained and tested on")


class RunShift(Experiment, Seeded, Sited, StepSettings):
    """How gender is taken out of a classifier."""
