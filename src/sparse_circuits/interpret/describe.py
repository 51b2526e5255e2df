"""What is known of each node of a site without asking a language model: everything but generated labels."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sparse_circuits.artefacts.interpretation import (
    ActivationRange,
    CountedRule,
    DrivingToken,
    JudgedPlaces,
    NodeDescription,
    NodeInputs,
    PromotedFollow,
    TextContext,
)
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.base.wording import rounded
from sparse_circuits.circuits.promoted import COUNT
from sparse_circuits.config.interpret_nodes import Amounts
from sparse_circuits.config.site import Site
from sparse_circuits.interpret.contexts import TokenPlace, quantile_edges, quantile_places, silent_places, top_places
from sparse_circuits.interpret.firing import Firing
from sparse_circuits.interpret.inputs import Asked, input_attributions
from sparse_circuits.interpret.rule import Vocabulary, best_rule, detection_scores, rule_says, shifted
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import promoted_tokens
from sparse_circuits.models.texts import pieces, token_text, token_texts
from sparse_circuits.sae.autoencoder import SparseAutoencoder

NEAR = 8  # tokens before a feature's own that are told apart by their distance
HOLDS = 0.3  # F1 from which a rule is called one
FOLLOWS = 2.0  # how many times more often a promoted token follows, for the label to name it
DRIVES = 0.08  # share of the activation from which the label names an earlier token


def describe_nodes(
    model: Model,
    site: Site,
    reads: Site,
    sae: SparseAutoencoder,
    features: Sequence[int],
    firing: Firing,
    amounts: Amounts,
    seed: int,
    batch_tokens: int,
) -> list[NodeDescription]:
    """Return one description a feature, whose row of `firing` is its place in `features`.

    docs/how-to/interpretations.md lists its keys. Features of `site` are read there or, by a transcoder, at `reads`.
    Contexts are of documents that labels are made from, `judged` are tokens of the others. `seed` draws them.
    """
    texts = {i: token_text(model.tokenizer, i) for i in np.unique(firing.token_id).tolist()}
    vocabulary = Vocabulary.of(firing, texts)
    tops = [top_places(firing, row, amounts.contexts, amounts.window) for row in range(len(features))]
    asked = [(row, place) for row, places in enumerate(tops) for place in places[: amounts.inputs]]
    wanted = [Asked(_until(firing, place), sae.W_enc[:, features[row]]) for row, place in asked]
    parts = dict(zip(asked, input_attributions(model, reads, wanted, batch_tokens), strict=True))
    promoted = _promoted(model, site, sae.W_dec[list(features)], firing)
    result = []
    for row, index in enumerate(features):
        generator = np.random.default_rng([seed, index])
        values = firing.values[row]
        active = int((values > 0).sum())
        note: dict[str, Any] = {"density": rounded(active / firing.tokens), "active_tokens": active, **promoted(row)}
        if active:
            edges = quantile_edges(values, amounts.quantiles)
            mine = {place: parts[row, place] for place in tops[row][: amounts.inputs]}
            shown = _shower(model.tokenizer, firing, values, amounts.window)
            spread = quantile_places(firing, row, edges, 1, False, generator)
            note |= {
                "activation": ActivationRange(
                    mean=rounded(values[values > 0].mean()),
                    max=rounded(values.max()),
                    quantiles=[rounded(edge) for edge in edges],
                ),
                "rule": _rule(firing, row, vocabulary, edges),
                "inputs": _inputs(firing, texts, mine),
                "top": [shown(place, mine.get(place)) for place in tops[row]],
                "spread": [shown(place) for places in spread for place in places],
                "judged": JudgedPlaces(
                    active=quantile_places(firing, row, edges, amounts.judged, True, generator),
                    silent=silent_places(firing, row, amounts.judged * amounts.quantiles, amounts.window, generator),
                ),
            }
        described = NodeDescription(id=f"{site}/{index}", label="", **note)
        result.append(described.model_copy(update={"label": counted_label(described)}))
    return result


def counted_label(node: NodeDescription) -> str:
    """Return a label made of what was counted: where the feature is active, what drives it, what it promotes.

    It names only what was measured to hold: a rule by its F1 on held-out text, promoted tokens when they follow more
    often where the feature is active, an earlier token when it makes a share of the activation in most contexts.
    """
    rule, inputs, follow = node.rule, node.inputs, node.promoted_follow
    if inputs is None:
        return "never active on the text described"
    if rule is None:
        words = ["active too rarely for a rule"]
    elif rule.f1 >= HOLDS:
        words = [rule.words]
    else:
        words = [f"no simple rule, most nearly {rule.words}"]
    common = [item for item in inputs.before if 2 * item.contexts > inputs.contexts]
    if earlier := [item.token for item in common if item.share >= DRIVES]:
        words.append(f"driven by {', '.join(map(_quoted, earlier))} before")
    if follow and follow.lift is not None and follow.lift >= FOLLOWS:
        words.append(f"promotes {', '.join(map(_quoted, (node.promotes or [])[:4]))}")
    return "; ".join(words)


def _rule(firing: Firing, row: int, vocabulary: Vocabulary, edges: NDArray[np.float64]) -> CountedRule | None:
    """The best rule and how well it holds on held-out documents, also for each quantile of the activations."""
    rule = best_rule(firing, row, vocabulary)
    if rule is None:
        return None
    inside = firing.cached & firing.judged[:, None]
    says, values = rule_says(vocabulary, rule)[inside], firing.values[row][inside]
    quantile = np.searchsorted(edges[1:-1], values)
    recalls = [says[(values > 0) & (quantile == number)] for number in range(len(edges) - 1)]
    scores = detection_scores(values > 0, says)
    kept: dict[str, Any] = {name: rounded(one) if isinstance(one, float) else one for name, one in scores}
    return CountedRule(
        words=rule.words,
        offset=rule.offset,
        **kept,
        recall_by_quantile=[rounded(said.mean()) if len(said) else None for said in recalls],
    )


def _promoted(model: Model, site: Site, directions: Tensor, firing: Firing) -> Any:
    """Return a function from a row to the tokens that it promotes and suppresses, and whether the former follow."""
    if not site.is_written:
        return lambda row: {}
    up, down = (ids.cpu().numpy() for ids in promoted_tokens(model, directions.to(model.device), COUNT))
    following = shifted(firing.token_id, 1, fill=-1)
    inside = firing.cached & (following >= 0)

    def notes(row: int) -> dict[str, Any]:
        hits = np.isin(following, up[row])[inside]
        active = firing.values[row][inside] > 0
        everywhere, when_active = float(hits.mean()), float(hits[active].mean()) if active.any() else 0.0
        return {
            "promotes": token_texts(model.tokenizer, up[row].tolist()),
            "suppresses": token_texts(model.tokenizer, down[row].tolist()),
            "promoted_follow": PromotedFollow(
                share=rounded(everywhere),
                share_when_active=rounded(when_active),
                lift=rounded(when_active / everywhere) if everywhere else None,
            ),
        }

    return notes


def _inputs(firing: Firing, texts: Mapping[int, str], parts: Mapping[TokenPlace, Tensor]) -> NodeInputs:
    """Mean shares of the activation, over contexts, by distance from the token and by the tokens before it.

    A share is a token's part over the sum of all parts' sizes, so that parts that cancel do not blow up.
    """
    by_offset = np.zeros(NEAR + 1)
    separator, further = 0.0, 0.0
    before: dict[str, list[float]] = {}
    for place, part in parts.items():
        shares = (part / part.abs().sum()).double().numpy() / len(parts)
        near = shares[1:][::-1]
        by_offset[: len(near[: NEAR + 1])] += near[: NEAR + 1]
        separator, further = separator + shares[0], further + near[NEAR + 1 :].sum()
        here: dict[str, float] = {}
        for position in range(1, place.position):
            text = texts[int(firing.token_id[place.sequence, position])]
            here[text] = here.get(text, 0.0) + shares[position]
        for text, share in here.items():
            before.setdefault(text, []).append(share)
    strongest = sorted(before.items(), key=lambda item: (-abs(sum(item[1])), item[0]))[:COUNT]
    return NodeInputs(
        contexts=len(parts),
        separator=rounded(separator),
        by_offset={str(-offset): rounded(share) for offset, share in enumerate(by_offset)},
        further=rounded(further),
        before=[DrivingToken(token=t, share=rounded(sum(found)), contexts=len(found)) for t, found in strongest],
    )


def _shower(
    tokenizer: Tokenizer, firing: Firing, values: NDArray[np.float32], length: int
) -> Callable[..., TextContext]:
    """Return a function from a place to its context as it stands in the file."""

    def shown(place: TokenPlace, part: Tensor | None = None) -> TextContext:
        window = place.window(length, firing.token_id.shape[1])
        inputs = {} if part is None else {"inputs": [rounded(value) for value in part[window].tolist()]}
        return TextContext(
            document=int(firing.document[place.sequence]),
            sequence=place.sequence,
            position=place.position,
            at=place.position - window.start,
            tokens=pieces(tokenizer, firing.token_id[place.sequence, window].tolist()),
            activations=[rounded(value) for value in values[place.sequence, window]],
            **inputs,
        )

    return shown


def _until(firing: Firing, place: TokenPlace) -> Tensor:
    return torch.from_numpy(firing.token_id[place.sequence, : place.position + 1])


def _quoted(text: str) -> str:
    return f'"{text}"'
