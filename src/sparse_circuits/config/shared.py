"""Settings that several steps have."""

from pydantic import Field

from sparse_circuits.config.base import Name, Positive, Seed, Settings, SiteName


class Seeded(Settings):
    """Settings of a step that draws something."""

    seed: Seed = Field(0, description="of all that is drawn")


class Batched(Settings):
    """Settings of a step that runs the model on pairs, many circuits at a time."""

    batch_tokens: Positive = Field(2048, description="tokens in one forward pass, all circuits of the batch together")


class Sited(Settings):
    """Settings of a step that works on the nodes of a basis."""

    sites: list[SiteName] = Field(description="sites of the basis, in the order of the computation")


class OfStudy(Settings):
    """Settings of a step that names its study in what it writes."""

    study: Name = Field(description="name of the study")
