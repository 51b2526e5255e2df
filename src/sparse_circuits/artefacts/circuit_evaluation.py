"""evaluation.json of a circuit: faithfulness and completeness over sizes on held-out pairs; curves.csv, its table."""

from pathlib import Path
from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Interval, Part
from sparse_circuits.artefacts.circuit import CircuitFacts
from sparse_circuits.artefacts.circuit_proof import CircuitControls, CircuitStability, JudgedHypothesis
from sparse_circuits.base.files import write_csv


class CircuitAccuracy(Part):
    """Shares of pairs that are answered rightly."""

    model: float
    circuit: float
    complement: float


class CircuitDivergence(Part):
    """Mean KL divergence from the model in nats."""

    circuit: float
    complement: float
    empty: float


class ChosenMeasure(Part):
    """The circuit of circuit.json."""

    nodes: int
    faithfulness: float


class AblatedCurve(Part):
    """The metric with all nodes ablated in one way, and the faithfulness of each size then."""

    empty: float
    faithfulness: list[float]


class BareCurves(Part):
    """Curves of circuits without error nodes."""

    faithfulness: list[float]
    completeness: list[float]


class CircuitCurves(Part):
    """Measures of circuits of `nodes` best nodes each, and of the chosen one; without error nodes two are not set."""

    examples: int
    clean: float
    empty: float
    nodes: list[int]
    faithfulness: list[float]
    faithfulness_ci95: list[Interval]
    completeness: list[float]
    completeness_ci95: list[Interval]
    random: list[float]
    cpr: float
    cpr_clipped: float
    cmd: float
    span: float
    accuracy: CircuitAccuracy
    kl: CircuitDivergence
    circuit: ChosenMeasure
    ablations: dict[str, AblatedCurve]
    errors_alone: float | None = None
    without_errors: BareCurves | None = None

    def write_table(self, path: Path) -> None:
        """Publish curves.csv, a row a size."""
        bare = self.without_errors.plain() if self.without_errors else {}
        rows = [
            {
                "nodes": size,
                "faithfulness": self.faithfulness[i],
                "low": self.faithfulness_ci95[i][0],
                "high": self.faithfulness_ci95[i][1],
                "completeness": self.completeness[i],
                "completeness_low": self.completeness_ci95[i][0],
                "completeness_high": self.completeness_ci95[i][1],
                "random": self.random[i],
                **{f"{name}_without_errors": values[i] for name, values in bare.items()},
            }
            for i, size in enumerate(self.nodes)
        ]
        write_csv(path, rows)


class SiteSum(Part):
    """The sum of a site's scores, metric(patch) - metric(clean), and how far they are apart as a share of that."""

    sum: float
    target: float
    relative_gap: float


class AttributionSums(Part):
    """The largest difference between a site's sum of scores and the total effect, and those of all sites."""

    method: str
    steps: int
    sum: float
    target: float
    relative_gap: float
    sites: dict[str, SiteSum]


class HeldOutFacts(CircuitFacts):
    """What ablated nodes are set to, and the split that was judged on."""

    ablation: str
    split: str


class CircuitEvaluation(Artefact, CircuitCurves, HeldOutFacts):
    """The whole file. The keys of the last base stand first in it; the last four are those of proof.json, if any."""

    rule: ClassVar = "evaluate_circuit"

    attribution: AttributionSums
    effects: dict[str, float] | None = None
    stability: CircuitStability | None = None
    controls: CircuitControls | None = None
    tests: dict[str, JudgedHypothesis] | None = None
