"""CPR and CMD: a curve of faithfulness in one number (Mueller et al. 2025, MIB, arXiv 2504.13151)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Areas:
    """Areas over x, the share of the candidate nodes that a circuit keeps.

    `cpr` (circuit performance ratio) is the area under faithfulness f, higher is better. f above 1 adds to it, so that
    a circuit that overshoots the model seems better than the model: `cpr_clipped` is the area under f cut to 0 ... 1.
    `cmd` (circuit-model distance) is the area under |1 - f|, lower is better. `span` is the length of x covered, which
    is the cpr of a curve that is 1 all along.
    """

    cpr: float
    cpr_clipped: float
    cmd: float
    span: float


def areas(nodes: Sequence[int], faithfulness: Sequence[float], candidates: int) -> Areas:
    """Return the areas of a curve by the trapezoid rule, with x = nodes / candidates on a linear scale.

    `candidates` counts the nodes that score anything on the training pairs. Only what lies between the first and the
    last size counts, as in MIB, which begins at x = .001: end the curve at all candidates to compare tasks.
    """
    x, f = np.asarray(nodes) / candidates, np.asarray(faithfulness)
    return Areas(
        float(np.trapezoid(f, x)),
        float(np.trapezoid(f.clip(0, 1), x)),
        float(np.trapezoid(np.abs(1 - f), x)),
        float(x[-1] - x[0]),
    )
