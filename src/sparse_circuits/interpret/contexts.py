"""The contexts in which a feature is active: the strongest, and a spread over quantiles of its activations.

Contexts, quantiles and windows as in delphi (EleutherAI/delphi, commit 3c2e139): 32 tokens centred on the activation,
ten quantiles of the activations above 0.
"""

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.artefacts.interpretation import TokenPlace
from sparse_circuits.interpret.firing import Firing


def top_places(firing: Firing, feature: int, count: int, length: int) -> list[TokenPlace]:
    """Return the tokens on which the feature is most active, one a sequence, the strongest first; not held-out ones.

    Windows of the same text are given once: a corpus repeats itself.
    """
    values = firing.values[feature] * ~firing.judged[:, None]
    positions = values.argmax(axis=1)
    strongest = values[np.arange(len(values)), positions]
    found: dict[bytes, TokenPlace] = {}
    for sequence in np.argsort(-strongest, kind="stable").tolist():
        if strongest[sequence] == 0 or len(found) == count:
            break
        place = TokenPlace(sequence, int(positions[sequence]))
        found.setdefault(_text(firing, place, length), place)
    return list(found.values())


def quantile_edges(values: NDArray[np.float32], quantiles: int) -> NDArray[np.float64]:
    """Return the activations between which each quantile of the activations above 0 lies: (quantile + 1,)."""
    return np.quantile(values[values > 0].astype(np.float64), np.linspace(0, 1, quantiles + 1))


def quantile_places(
    firing: Firing, feature: int, edges: NDArray[np.float64], count: int, judged: bool, generator: np.random.Generator
) -> list[list[TokenPlace]]:
    """Draw up to `count` tokens of each quantile between `edges`, lowest first, of held-out documents or of others."""
    values = firing.values[feature] * (firing.judged == judged)[:, None]
    sequences, positions = np.nonzero(values)
    quantile = np.searchsorted(edges[1:-1], values[sequences, positions])
    drawn = []
    for number in range(len(edges) - 1):
        inside = np.flatnonzero(quantile == number)
        picked = np.sort(generator.choice(inside, min(count, len(inside)), replace=False))
        drawn.append([TokenPlace(int(sequences[i]), int(positions[i])) for i in picked])
    return drawn


def silent_places(
    firing: Firing, feature: int, count: int, length: int, generator: np.random.Generator
) -> list[TokenPlace]:
    """Draw up to `count` tokens of held-out documents in whose windows the feature is never active."""
    sequences, positions = np.nonzero(firing.cached & firing.judged[:, None])
    found: list[TokenPlace] = []
    for i in generator.permutation(len(sequences)).tolist():
        if len(found) == count:
            break
        place = TokenPlace(int(sequences[i]), int(positions[i]))
        window = place.window(length, firing.token_id.shape[1])
        if not firing.values[feature, place.sequence, window].any():
            found.append(place)
    return sorted(found)


def _text(firing: Firing, place: TokenPlace, length: int) -> bytes:
    window = place.window(length, firing.token_id.shape[1])
    return firing.token_id[place.sequence, window].tobytes()
