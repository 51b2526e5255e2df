"""Settings of SHIFT: a classifier that learnt the wrong thing, and what of it is taken out (Marks et al. 2024)."""

from pydantic import Field

from sparse_circuits.config.base import Name
from sparse_circuits.config.run_shift import Experiment


class Shift(Experiment):
    """Two professions, told apart by a linear probe that is trained where gender tells them apart as well."""

    biographies: Name | None = Field(
        None,
        description="entry of config/datasets.yaml with biographies; when not given, the study's model writes them",
    )
    basis: Name = Field("features", description="what the nodes are: a basis of features of `circuits`")
