"""The plan of a study of any kind."""

from collections.abc import Mapping
from typing import NamedTuple

from sparse_circuits.plan import study as autoencoders
from sparse_circuits.plan import weight_sparse
from sparse_circuits.plan.figures import Figure, figures_of, weight_figures_of
from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.settings import Told
from sparse_circuits.plan.weight_paths import WeightSparsePaths
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy


class Plan(NamedTuple):
    """Where a study's files lie, what each of its rules tells its step, and what it draws."""

    paths: Paths | WeightSparsePaths
    told: Mapping[str, Told]
    figures: Mapping[str, Figure]


def plan_of(study: Study | WeightSparseStudy) -> Plan:
    """Return the plan of a study."""
    if isinstance(study, WeightSparseStudy):
        weights = WeightSparsePaths(study)
        return Plan(weights, weight_sparse.TOLD, weight_figures_of(weights))
    paths = Paths(study)
    return Plan(paths, autoencoders.TOLD, figures_of(paths))
