"""explanation.json: what each node of a circuit of a weight-sparse transformer tells, and the claims made of it."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class ChannelFacts(Part):
    """Measures of a node on test pairs; of the residual stream also the tokens that its weights are largest for."""

    tells_at_difference: float
    tells_at_last: float
    follows: float
    lost: float
    tokens: list[tuple[str, float]] | None = None


class TestedClaim(Part):
    """A claim made on training pairs, and whether it holds on test pairs."""

    subject: str
    measure: str
    says: str
    train: float
    test: float
    holds: bool


class Explanation(Part):
    """Nodes and heads by name, and the claims."""

    nodes: dict[str, ChannelFacts]
    heads: dict[str, float]
    claims: list[TestedClaim]


class ExplainedCircuit(Part):
    """Which circuit it is."""

    study: str
    task: str
    model: str


class WeightExplanation(Artefact, Explanation, ExplainedCircuit):
    """The whole file. The keys of the last base stand first in it."""

    rule: ClassVar = "explain_circuit"
