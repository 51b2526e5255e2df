"""What the clusters say to a reader: labels made without a language model, examples, and tables."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from torch import Tensor

from sparse_circuits.artefacts.circuit import PromotedTokens
from sparse_circuits.artefacts.discovery_catalogue import (
    ClusterExample,
    ClusterMembers,
    ClusterNode,
    CommonTokens,
    CurvePoint,
    DiscoveredCluster,
    DiscoverySummary,
    MeanLogOdds,
)
from sparse_circuits.circuits.discovery.circuits import ClusterCircuit
from sparse_circuits.circuits.discovery.descriptions import Autoencoders, Descriptions
from sparse_circuits.circuits.discovery.tokens import Targets

EXAMPLES = 8  # contexts shown of each cluster, training and held-out members half and half
SAID = 3  # tokens named in a label
NOTED = 10  # nodes of each circuit whose promoted tokens are told
ENOUGH = 0.05  # share of members from which on a token is named

Text = Callable[[Sequence[int]], str]  # token ids -> what they spell


def describe_clusters(
    circuits: Sequence[ClusterCircuit],
    sizes: Sequence[int],
    saes: Autoencoders,
    targets: Targets,
    descriptions: Descriptions,
    text: Text,
    notes: Mapping[str, PromotedTokens],
) -> list[DiscoveredCluster]:
    """Return one entry a cluster, in order. `notes` are added to the nodes they belong to, by id."""
    ids = feature_ids(saes)
    return [_entry(circuit, sizes, ids, targets, descriptions, text, notes) for circuit in circuits]


def feature_ids(saes: Autoencoders) -> list[str]:
    """Return the name of every feature, such as `resid_post.14/1944`, in the order of their numbers."""
    return [f"{site}/{index}" for site, sae in saes.items() for index in range(sae.width)]


def noted_directions(circuits: Sequence[ClusterCircuit], saes: Autoencoders) -> dict[str, Tensor]:
    """Return the decoder rows (d_model,) of the first nodes of each circuit, by id: those whose tokens are told."""
    ids, rows = feature_ids(saes), [row for sae in saes.values() for row in sae.W_dec]
    first = sorted({feature for circuit in circuits for feature in circuit.features[:NOTED]})
    return {ids[feature]: rows[feature] for feature in first}


def _entry(
    circuit: ClusterCircuit,
    sizes: Sequence[int],
    ids: Sequence[str],
    targets: Targets,
    descriptions: Descriptions,
    text: Text,
    notes: Mapping[str, PromotedTokens],
) -> DiscoveredCluster:
    members = circuit.train + circuit.held_out
    answer = targets.answer
    said = {
        "next": _shares([text([int(answer[i])]) for i in members]),
        "last": _shares([text([int(targets.tokens[targets.window[i], targets.position[i]])]) for i in members]),
        "driver": _shares([text(_driver(targets, descriptions, i)) for i in members]),
    }
    shown = circuit.train[: EXAMPLES // 2] + circuit.judged[: EXAMPLES // 2]
    curve = zip(sizes, circuit.faithfulness, circuit.random, strict=True)
    return DiscoveredCluster(
        id=f"cluster-{circuit.cluster:04d}",
        label=_label(said),
        members=ClusterMembers(train=len(circuit.train), held_out=len(circuit.held_out), judged=len(circuit.judged)),
        score=circuit.rank,
        purity=circuit.purity,
        sparsity=circuit.sparsity,
        same_next_token=max(said["next"].values(), default=0.0),
        nodes_at_50=circuit.nodes_at(0.5, sizes),
        nodes_at_75=circuit.nodes_at(0.75, sizes),
        log_odds=MeanLogOdds(model=circuit.model, empty=circuit.empty),
        curve=[CurvePoint(nodes=n, faithfulness=value, random=other) for n, value, other in curve],
        tokens=CommonTokens(**{name: dict(list(shares.items())[:8]) for name, shares in said.items()}),
        examples=[_example(targets, descriptions, text, i) for i in shown],
        nodes=[
            ClusterNode(id=ids[feature], score=score, **notes.get(ids[feature], PromotedTokens()).plain())
            for feature, score in zip(circuit.features, circuit.scores, strict=True)
        ],
    )


def _driver(targets: Targets, descriptions: Descriptions, target: int) -> list[int]:
    """The token, other than the last, whose features at the first site add most; none if none of them adds anything."""
    drive = descriptions.drive[target, : int(targets.position[target])]
    return [int(targets.tokens[targets.window[target], int(drive.argmax())])] if drive.max() > 0 else []


def _shares(words: Sequence[str]) -> dict[str, float]:
    """The share of each word, the commonest first; an empty word is counted and not named."""
    ordered = sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))
    return {word: count / len(words) for word, count in ordered if word}


def _label(said: Mapping[str, Mapping[str, float]]) -> str:
    """Such as `" States" 60 %, " Kingdom" 20 % after " United" 80 %, driven by " the" 30 %`."""

    def named(name: str) -> str:
        top = list(said[name].items())[:SAID]
        return ", ".join(f'"{word}" {share:.0%}' for word, share in top if share >= ENOUGH) or "various"

    driven = f", driven by {named('driver')}" if said["driver"] else ""
    return f"{named('next')} after {named('last')}{driven}"


def _example(targets: Targets, descriptions: Descriptions, text: Text, target: int) -> ClusterExample:
    """The context without the separator, with the token that is predicted."""
    window, position = targets.tokens[targets.window[target]].tolist(), int(targets.position[target])
    return ClusterExample(
        context=text(window[1 : position + 1]),
        next=text([window[position + 1]]),
        log_odds=float(descriptions.log_odds[target]),
        document=int(targets.document[target]),
        held_out=bool(targets.held_out[target]),
    )


def summary(clusters: Sequence[DiscoveredCluster]) -> DiscoverySummary:
    """Return the number of clusters and medians over them: what held-out members say of the lot."""

    def middle(values: Iterable[float]) -> float:
        return float(np.median(list(values)))

    return DiscoverySummary(
        clusters=len(clusters),
        reaching_50=sum(entry.nodes_at_50 is not None for entry in clusters),
        reaching_75=sum(entry.nodes_at_75 is not None for entry in clusters),
        median_purity=middle(entry.purity for entry in clusters),
        median_same_next_token=middle(entry.same_next_token for entry in clusters),
        median_curve=[
            CurvePoint(
                nodes=points[0].nodes,
                faithfulness=middle(point.faithfulness for point in points),
                random=middle(point.random for point in points),
            )
            for points in zip(*(entry.curve for entry in clusters), strict=True)
        ],
    )
