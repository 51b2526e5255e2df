"""The plan of a study of any kind."""

from collections.abc import Mapping

from sparse_circuits.config.study import Study
from sparse_circuits.config.weight_sparse import WeightSparseStudy
from sparse_circuits.plan import study as autoencoders
from sparse_circuits.plan import weight_sparse
from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.settings import Told


def plan_of(study: Study | WeightSparseStudy) -> tuple[Paths | weight_sparse.WeightSparsePaths, Mapping[str, Told]]:
    """Return where a study's files lie, and what each of its rules tells its step."""
    if isinstance(study, WeightSparseStudy):
        return weight_sparse.WeightSparsePaths(study), weight_sparse.TOLD
    return Paths(study), autoencoders.TOLD
