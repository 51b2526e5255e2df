"""What each node of a circuit tells, and what depends on it: claims made on training pairs, tested on test pairs.

Everything is measured within the circuit, by looking at what stands at a node and by putting something else there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from sparse_circuits.artefacts.weight_explanation import ChannelFacts, Explanation, TestedClaim
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks.pairs import Groups, PairBatch
from sparse_circuits.weight_sparse.choices import Calibration, Choices, Masking, calibrate
from sparse_circuits.weight_sparse.masks import LayerPlace, activations, gated, layers_of, place_at

TELLS, FOLLOWS, LOST, ATTENDS = 0.95, 0.5, 0.75, 0.5  # from which a measure makes a claim
TOKENS = 6  # shown of a channel
TEXTS = {
    "tells_at_difference": "tells the two kinds of prompt apart at the token that differs",
    "tells_at_last": "tells the two kinds of prompt apart at the last token",
    "follows": "the choice follows it into the other prompt",
    "lost": "without it the task is lost",
    "attends": "the last token attends to the token that differs",
}
Node = tuple[LayerPlace, int]


@dataclass(frozen=True)
class Facts:
    """What was measured of a circuit on some pairs."""

    nodes: dict[Node, dict[str, float]]
    heads: dict[tuple[int, int], float]
    """by layer and head: how much the last token attends to the first token that differs, the mean over prompts"""


def explain(
    masking: Masking, train: Groups, test: Groups, nodes: list[Node], decode: Callable[[int], str]
) -> Explanation:
    """Return the facts of a circuit's nodes on test pairs, and the claims with what they rest on.

    A claim is made where a measure is beyond its bound on the training pairs; it holds where it is so on test pairs.
    Measures of a node: the area under the ROC curve by which its activation tells prompts with the one answer from
    those with the other (`tells_at_difference`, `tells_at_last`; of 1 - area the larger); the share of prompts in which
    the other answer wins when the node is what it is in the pair's other prompt (`follows`); the accuracy with the node
    at its fill (`lost`; a query and its key together, which have one gate). `decode` gives a token's text.
    """
    calibration = calibrate(masking.choices(train, open_gates(masking, nodes)))
    made, tested = (measure(masking, groups, nodes, calibration) for groups in (train, test))
    claims = []
    for node, before in made.nodes.items():
        for name, value in before.items():
            if _beyond(name, value):
                claims.append(_claim(_name(node), name, value, tested.nodes[node][name]))
    for (layer, head), value in made.heads.items():
        if value >= ATTENDS:
            claims.append(_claim(f"head {layer}.{head}", "attends", value, tested.heads[layer, head]))
    told = {
        _name(node): ChannelFacts.model_validate({**facts, **channel_tokens(masking.model, node, decode)})
        for node, facts in tested.nodes.items()
    }
    heads = {f"{layer}.{head}": value for (layer, head), value in tested.heads.items()}
    return Explanation(nodes=told, heads=heads, claims=claims)


def _beyond(name: str, value: float) -> bool:
    if name == "lost":
        return value <= LOST
    return value >= {"follows": FOLLOWS, "attends": ATTENDS}.get(name, TELLS)


def _claim(subject: str, name: str, made: float, tested: float) -> TestedClaim:
    holds = _beyond(name, tested)
    return TestedClaim(subject=subject, measure=name, says=TEXTS[name], train=made, test=tested, holds=holds)


def _name(node: Node) -> str:
    return f"{node[0]}/{node[1]}"


@torch.no_grad()
def measure(masking: Masking, groups: Groups, nodes: list[Node], calibration: Calibration) -> Facts:
    """Return the facts of a circuit, given by its nodes, on some pairs; choices are calibrated."""
    gates = open_gates(masking, nodes)
    seen = [_run(masking, batch.to(masking.model.device), gates) for _, batch in groups]
    sides = torch.cat([run.sides for run in seen])
    found: dict[Node, dict[str, float]] = {}
    for node in nodes:
        place, index = node
        closed = gates.clone()
        closed[masking.index.offsets[place] + index] = 0
        at_difference, at_last = (
            torch.cat([run.at(positions)[place][:, index] for run in seen])
            for positions in (_Run.difference, _Run.last)
        )
        found[node] = {
            "tells_at_difference": separation(at_difference, sides),
            "tells_at_last": separation(at_last, sides),
            "follows": 1 - _accuracy((_moved(masking, run, closed, node) for run in seen), calibration),
            "lost": masking.choices(groups, closed).calibrated(calibration).accuracy,
        }
    heads = {(place.layer, index // masking.model.config.head_dim) for place, index in nodes if place.kind == "attn_v"}
    attention = {head: torch.cat([_attention(masking, run, *head) for run in seen]).mean().item() for head in heads}
    return Facts(found, dict(sorted(attention.items())))


@dataclass(frozen=True)
class _Run:
    """The circuit on the clean, then the patched prompts of some pairs: what stood at every place."""

    batch: PairBatch
    kept: dict[LayerPlace, Tensor]
    sides: Tensor

    def difference(self) -> Tensor:
        """The first position at which the prompts of a pair differ: (prompt,)."""
        return (self.batch.clean != self.batch.patch).int().argmax(dim=1).repeat(2)

    def last(self) -> Tensor:
        """The last position: (prompt,)."""
        return torch.full((2 * len(self.batch.clean),), self.batch.clean.shape[1] - 1, device=self.batch.clean.device)

    def at(self, positions: Callable[["_Run"], Tensor]) -> dict[LayerPlace, Tensor]:
        """What stood at every place at one position of each prompt: (prompt, width)."""
        chosen = positions(self)
        rows = torch.arange(len(chosen), device=chosen.device)
        return {place: values[rows, chosen] for place, values in self.kept.items()}

    def other(self, place: LayerPlace) -> Tensor:
        """What stood at a place in the pairs' other prompts."""
        return self.kept[place].roll(len(self.batch.clean), dims=0)


def _run(masking: Masking, batch: PairBatch, gates: Tensor) -> _Run:
    prompts = torch.cat([batch.clean, batch.patch])
    with gated(masking.model, masking.index.split(gates), masking.fills):
        kept = activations(masking.model, prompts)
    return _Run(batch, kept, masking.choose(batch, gates).sides)


def open_gates(masking: Masking, nodes: list[Node]) -> Tensor:
    """Return the gates (gate,) that are open for the nodes of a circuit."""
    widths = masking.index.widths
    parts = {place: torch.zeros(width, device=masking.model.device) for place, width in widths.items()}
    for place, index in nodes:
        parts[place][index] = 1
    return masking.index.join(parts)


def _moved(masking: Masking, run: _Run, closed: Tensor, node: Node) -> Choices:
    """The choices with one node at what it is in the other prompt; `closed` are the circuit's gates without it."""
    place, index = node
    fills = dict(masking.fills)
    # A query's gate is its key's too: the one that is not moved is held at what it is.
    for shared in (other for other, begin in masking.index.offsets.items() if begin == masking.index.offsets[place]):
        stands = run.other(shared) if shared == place else run.kept[shared]
        fills[shared] = masking.fills[shared].expand_as(stands).clone()
        fills[shared][..., index] = stands[..., index]
    return replace(masking, fills=fills).choose(run.batch, closed)


def _attention(masking: Masking, run: _Run, layer: int, head: int) -> Tensor:
    """How much the last position attends to the one that differs: (prompt,)."""
    width = masking.model.config.head_dim
    channels = slice(head * width, (head + 1) * width)
    query = run.at(_Run.last)[place_at(layer, "attn_q")][:, channels]
    keys = run.kept[place_at(layer, "attn_k")][..., channels]
    scores = (keys @ query.unsqueeze(-1)).squeeze(-1) * width**-0.5
    if sink := layers_of(masking.model)[layer].attn.attn_imp:
        scores = torch.cat([scores, sink.sink_logit[head].expand(len(scores), 1)], dim=1)
    return scores.softmax(dim=1).gather(1, run.difference().unsqueeze(1)).squeeze(1)


def channel_tokens(model: WeightSparseForCausalLM, node: Node, decode: Callable[[int], str]) -> dict[str, object]:
    """Return which tokens a node of the residual stream has to do with by the weights alone: [[token, weight], ...].

    For a node that reads (`attn_in`, `mlp_in`) those with the largest |embedding| in its channel, for one that writes
    those with the largest |unembedding|; none for other nodes, nor where the weights are 0.
    """
    place, channel = node
    tables = {"in": model.get_input_embeddings(), "out": model.get_output_embeddings()}
    table = tables.get(place.kind.partition("_")[2])
    if table is None:
        return {}
    weights = table.get_parameter("weight")[:, channel]
    order = weights.abs().argsort(descending=True, stable=True)[:TOKENS].tolist()
    return {"tokens": [[decode(token), weights[token].item()] for token in order if weights[token] != 0]}


def separation(values: Tensor, sides: Tensor) -> float:
    """Return the area under the ROC curve by which values tell side 1 from side -1, or 1 less it: .5 to 1.

    .5 as well where all prompts are of one side.
    """
    if len(sides.unique()) < 2:
        return 0.5
    higher = float(roc_auc_score((sides > 0).cpu(), values.cpu()))
    return max(higher, 1 - higher)


def _accuracy(found: Iterator[Choices], calibration: Calibration) -> float:
    return (torch.cat([one.calibrated(calibration).differences for one in found]) > 0).float().mean().item()
