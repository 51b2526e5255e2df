"""Feature absorption: whether a first letter's feature leaves out words for which features of their own stand.

Chanin et al. 2024 (arXiv 2409.14507), full absorption as SAEBench 0.6 defines it: by projections, not by ablation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import torch
from torch import Tensor

from sparse_circuits.artefacts.sae_probing import Absorption, LetterAbsorption
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.logistic import fit_probe
from sparse_circuits.sae.probing import mean_differences

# SAEBench's constants (evals/absorption).
F1_JUMP = 0.03  # a k-th feature that raises F1 by more belongs to the letter too
MAX_SPLITS = 10  # features a letter can be split into
PROBE_F1 = 0.6  # letters that the activation itself tells worse are left out
SILENT = 1e-8
ABSORBER_COSINE = 0.025
ABSORBER_SHARE = 0.4  # of the activation's projection on the probe

MIN_WORDS = 10  # a letter with fewer is left out
TRAIN_SHARE = 0.7

# One worked example before the word, so that its letter matters. The activation is read at the word's own token, as in
# SAEBench; what would follow there (" has the first letter:") cannot change it in a causal model and is left off.
# SAEBench gives ten examples. In SmolLM2-135M four made 34 tokens of 10 and raised the probes' F1 little: from .79 to
# .80 at layer 14, from .64 to .68 at layer 24.
EXAMPLE_WORD = " garden"
EXAMPLE = f"{EXAMPLE_WORD} has the first letter: G\n"


@dataclass(frozen=True)
class LetterWords:
    """Words that are one token: token ids (word,), and the place of their first letter (word,) in `letters`."""

    tokens: Tensor
    letter: Tensor
    letters: str


@dataclass(frozen=True)
class Lettered:
    """Activations (word, d_in) and the number (word,) of each word's first letter."""

    x: Tensor
    letter: Tensor


def letter_words(tokenizer: Tokenizer, count: int, seed: int) -> LetterWords:
    """Draw `count` words a letter, in random order: tokens of a space and three letters or more, of either case.

    Letters with fewer words give all they have; those with fewer than ten are left out. Raises StudyError when fewer
    than two are left.
    """
    groups: dict[str, list[int]] = {letter: [] for letter in ascii_lowercase}
    for token in range(len(tokenizer)):
        text = str(tokenizer.decode([token]))
        if len(text) > 3 and text[0] == " " and text[1:].isascii() and text[1:].isalpha() and text != EXAMPLE_WORD:
            groups[text[1].lower()].append(token)
    groups = {letter: group for letter, group in groups.items() if len(group) >= MIN_WORDS}
    if len(groups) < 2:
        raise StudyError(f"absorption: the tokenizer has no two letters with {MIN_WORDS} words of one token")
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.tensor(g)[torch.randperm(len(g), generator=generator)[:count]] for g in groups.values()]
    tokens = torch.cat(drawn)
    letter = torch.repeat_interleave(torch.tensor([len(group) for group in drawn]))
    order = torch.randperm(len(tokens), generator=generator)
    return LetterWords(tokens[order], letter[order], "".join(groups))


@torch.no_grad()
def word_activations(model: Model, words: LetterWords, site: Site, batch: int) -> Tensor:
    """Return the activation (word, d_in) at each word's token, after one worked example."""
    before = torch.tensor([model.separator_id, *model.tokenizer.encode(EXAMPLE, add_special_tokens=False)])
    tokens = torch.cat([before.expand(len(words.tokens), -1), words.tokens.unsqueeze(1)], dim=1)
    parts = [run(model, part.to(model.device), read=[site]).activations[site][:, -1] for part in tokens.split(batch)]
    return torch.cat(parts).cpu()


def split_words(x: Tensor, letter: Tensor) -> tuple[Lettered, Lettered]:
    """Split rows in random order into training and test: 70 % and 30 % of each letter's."""
    train = torch.zeros(len(letter), dtype=torch.bool)
    for number in letter.unique().tolist():
        places = (letter == number).nonzero().squeeze(1)
        train[places[: round(TRAIN_SHARE * len(places))]] = True
    return Lettered(x[train], letter[train]), Lettered(x[~train], letter[~train])


@torch.no_grad()
def measure_absorption(sae: SparseAutoencoder, train: Lettered, test: Lettered, letters: Sequence[str]) -> Absorption:
    """Return the rate of full absorption on test words, and for each letter its probe, its features and its rate.

    A letter's probe is a logistic regression of the activations; its features are the first k of those whose means
    differ most between the letter's words and others, with k raised from 1 as long as F1 of a k-sparse probe jumps by
    more than .03. A word of the letter that the probe recognises is absorbed when all these features are silent and the
    feature that projects most onto the probe points its way (cosine >= .025) and makes up at least .4 of the
    activation's projection. `rate` is absorbed over recognised words, averaged over the letters whose probe has F1 of
    at least .6; None without such letters.

    As in SAEBench, k is chosen by F1 on the test words. Two things differ. It ranks features by an l1-penalised probe,
    whose outcome hangs on steps and penalty (docs/explanation/design_choices.md). And it projects x, we x - b_dec,
    which is what the features make up; where b_dec is 0 that is the same.
    """
    labels, truth = (torch.nn.functional.one_hot(part.letter, len(letters)) for part in (train, test))
    probes = [fit_probe(train.x, label) for label in labels.T]
    recognised = torch.stack([probe.scores(test.x) > 0 for probe in probes], dim=1)
    f1 = _f1(recognised, truth)
    directions = torch.nn.functional.normalize(torch.stack([probe.weight for probe in probes]), dim=1).to(train.x)
    features, judged = sae.encode(train.x), sae.encode(test.x)
    ranked = mean_differences(features, labels).topk(MAX_SPLITS, dim=1).indices
    found: dict[str, LetterAbsorption] = {}
    for number, name in enumerate(letters):
        if f1[number] < PROBE_F1:
            continue
        candidates = ranked[number]
        main = candidates[: _split(features[:, candidates], labels[:, number], judged[:, candidates], truth[:, number])]
        rows = recognised[:, number] & (truth[:, number] == 1)
        absorbed = _absorbed(sae, test.x[rows], judged[rows], main, directions[number])
        found[name] = LetterAbsorption(
            probe_f1=f1[number].item(), features=main.tolist(), recognised=int(rows.sum()), absorbed=int(absorbed.sum())
        )
    return Absorption(
        train=len(train.letter),
        test=len(test.letter),
        rate=_mean([entry.absorbed / entry.recognised for entry in found.values()]),
        features_a_letter=_mean([len(entry.features) for entry in found.values()]),
        letters=found,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _split(features: Tensor, label: Tensor, judged: Tensor, truth: Tensor) -> int:
    """How many of the ranked features, in the columns of `features` and `judged`, a letter is split into."""
    best = 0.0
    for k in range(1, features.shape[1] + 1):
        f1 = _f1(fit_probe(features[:, :k], label).scores(judged[:, :k]) > 0, truth).item()
        if k > 1 and f1 <= best + F1_JUMP:
            return k - 1
        best = f1
    return features.shape[1]


def _absorbed(sae: SparseAutoencoder, x: Tensor, features: Tensor, main: Tensor, direction: Tensor) -> Tensor:
    """Tell for each word (word,) whether another feature stands for the probe's direction in place of the main ones."""
    along = sae.W_dec @ direction
    share, top = (features * along).max(dim=1)
    projection = (x - sae.b_dec) @ direction
    aligned = torch.nn.functional.cosine_similarity(sae.W_dec[top], direction, dim=1) >= ABSORBER_COSINE
    silent = (features[:, main].abs() < SILENT).all(dim=1)
    return silent & aligned & (projection > 0) & (share >= ABSORBER_SHARE * projection)


def _f1(predicted: Tensor, truth: Tensor) -> Tensor:
    """F1 of each label (...,): predictions and truth (row, ...)."""
    predicted, truth = predicted.double(), truth.double()
    return 2 * (predicted * truth).sum(dim=0) / (predicted.sum(dim=0) + truth.sum(dim=0))
