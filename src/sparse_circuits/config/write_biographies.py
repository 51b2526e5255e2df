"""Settings of the step that writes biographies."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Name, Positive, Settings, StepSettings
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.config.shared import Seeded

Words = Annotated[list[str], Field(min_length=1)]


class Biographies(Settings):
    """Whose biographies there are, and how many."""

    professions: dict[Name, Words] = Field(
        description="two professions: the first one's men and the second one's women are trained on; each with words "
        "of which a biography that the model writes must have one"
    )
    train: Positive = Field(80, description="biographies of each profession that the probe is trained on")
    test: Positive = Field(40, description="biographies of each profession and gender that it is tested on")
    tokens: Positive = Field(48, description="tokens of a biography")

    @model_validator(mode="after")
    def _two(self) -> Self:
        if len(self.professions) != 2:
            raise ValueError(f"`professions` must be two, found {len(self.professions)}")
        return self


class WriteBiographies(Biographies, Seeded, StepSettings):
    """Whose biographies are written or fetched, and how many."""

    entry: Dataset | None = Field(None, description="published biographies, where no model is to write them")
