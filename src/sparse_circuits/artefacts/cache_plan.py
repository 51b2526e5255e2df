"""plan.json of a cache: what it will take."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact


class CachePlan(Artefact):
    """Rows of a cache, widths of its sites, and the bytes they take at most (rows that hold sinks are left out)."""

    rule: ClassVar = "plan_cache"

    rows: int
    widths: dict[str, int]
    bytes: int
