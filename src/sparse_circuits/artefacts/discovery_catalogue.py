"""clusters.json: clusters of tokens, each with the circuit that predicts its members; clusters.csv, its table."""

from pathlib import Path
from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part
from sparse_circuits.artefacts.circuit import PromotedTokens
from sparse_circuits.base.files import write_csv


class ClusterMembers(Part):
    """Members in training, held out, and of these the ones that the circuit was run on."""

    train: int
    held_out: int
    judged: int


class MeanLogOdds(Part):
    """Mean log odds of the judged members, of the model and with all features at their means."""

    model: float
    empty: float


class CurvePoint(Part):
    """The faithfulness of a circuit of some nodes, and of random ones."""

    nodes: int
    faithfulness: float
    random: float


class CommonTokens(Part):
    """Shares of members by next token, by last token, and by the token that drives the first site."""

    next: dict[str, float]
    last: dict[str, float]
    driver: dict[str, float]


class ClusterExample(Part):
    """A member: its context without the separator, and the token that is predicted."""

    context: str
    next: str
    log_odds: float
    document: int
    held_out: bool


class ClusterFeature(Part):
    """A feature of a circuit, and its mean attribution."""

    id: str
    score: float


class ClusterNode(PromotedTokens, ClusterFeature):
    """A feature with the tokens that it promotes."""


class DiscoveredCluster(Part):
    """A cluster and its circuit; see `circuits.discovery.circuits.ClusterCircuit`."""

    id: str
    label: str
    members: ClusterMembers
    score: float
    purity: float
    sparsity: float
    same_next_token: float
    nodes_at_50: int | None
    nodes_at_75: int | None
    log_odds: MeanLogOdds
    curve: list[CurvePoint]
    tokens: CommonTokens
    examples: list[ClusterExample]
    nodes: list[ClusterNode]


class DiscoverySummary(Part):
    """The number of clusters, and medians over them."""

    clusters: int
    reaching_50: int
    reaching_75: int
    median_purity: float
    median_same_next_token: float
    median_curve: list[CurvePoint]


class DiscoveredTokens(Part):
    """How many tokens were clustered."""

    train: int
    held_out: int


class DiscoveryHashes(Part):
    """Of the model's weights, of the described tokens, and of each site's autoencoder."""

    model: str
    tokens: str
    saes: dict[str, str]


class DiscoveryCatalogue(Artefact):
    """The whole file."""

    rule: ClassVar = "discover_circuits"

    study: str
    model: str
    metric: str
    ablation: str
    method: str
    tokens: DiscoveredTokens
    sha256: DiscoveryHashes
    summary: DiscoverySummary
    clusters: list[DiscoveredCluster]

    def write_table(self, path: Path) -> None:
        """Publish clusters.csv: a row a cluster, with faithfulness at each size and one example."""
        alike = ("id", "label", "score", "purity", "sparsity", "same_next_token")
        rows = [
            {
                "rank": rank,
                **{name: getattr(entry, name) for name in alike},
                "train": entry.members.train,
                "held_out": entry.members.held_out,
                "nodes_at_50": entry.nodes_at_50,
                "nodes_at_75": entry.nodes_at_75,
                **{f"faithfulness_{point.nodes}": point.faithfulness for point in entry.curve},
                **{f"random_{point.nodes}": point.random for point in entry.curve},
                "example": f"{entry.examples[-1].context}[[{entry.examples[-1].next}]]",
            }
            for rank, entry in enumerate(self.clusters, 1)
        ]
        write_csv(path, rows)
