"""Natural sentences are mined as planted, and transfer is what interventions by hand say."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.circuits.scores import NodeScores, SiteMeans, SiteScores
from sparse_circuits.circuits.transfer import judge_nodes, judge_transfer, shared_means, union_ranking
from sparse_circuits.config.judge_transfer import JudgeTransfer
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.natural import natural_pairs, sentence_prefixes
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups, PairBatch, encode_pairs
from sparse_circuits.tasks.words import PLURAL_ANSWERS, SINGULAR_ANSWERS

SITES = [Site("resid_post", 0), Site("resid_post", 1)]
NOUNS = ["key", "table", "book", "car", "tree", "letter", "chair", "phone", "ship", "train", "bridge", "garden"]


def _document(noun: str) -> str:
    """A document whose prefix says in its number how the noun stands: both numbers, at two lengths."""
    place = " near the ring" if NOUNS.index(noun.removesuffix("s")) % 2 else ""
    verb = "have" if noun.endswith("s") else "was"
    return f"Trees, {noun} and 12 others. The {noun}{place} {verb} seen. Is the {noun} here? It is not taken."


DOCUMENTS = [_document(noun + end) for noun in NOUNS for end in ("", "s")]


@pytest.fixture(scope="module")
def halves(tiny_folder: Path) -> tuple[list[Pair], list[Pair]]:
    return natural_pairs(DOCUMENTS, {0, 1, 2, 3}, range(2, 6), 8, 0, load_tokenizer(tiny_folder))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The two keys near the door are old. It was sold.", [("The two keys near the door", " are"), ("It", " was")]),
        ("Are the keys here? Which keys are here? The key has gone.", [("The key", " has")]),
        ("There is a key. If I were he, you have it. He will have left. They do not have it.", []),
        ('The Key (1999) is a film. "The key" is old. Keys -- The key is old. a key was lost.', []),
        ("The island was sold, and keys were found.", [("The island", " was")]),
        ("The hashish wasp issued warenes.", []),
    ],
)
def test_a_prefix_ends_before_the_first_verb_that_shows_number(text: str, found: list[tuple[str, str]]) -> None:
    assert sentence_prefixes(text) == found


def test_mined_are_the_planted_sentences_with_the_sides_of_their_verbs(halves: tuple[list[Pair], list[Pair]]) -> None:
    planted = {text.split(". ")[1].rsplit(" ", 2)[0]: (number, text) for number, text in enumerate(DOCUMENTS)}
    for pair in [*halves[0], *halves[1]]:
        number, text = planted[pair.clean]
        assert pair.variables["document"] == number
        is_plural = "s have" in text or "s near the ring have" in text
        sides = [list(PLURAL_ANSWERS), list(SINGULAR_ANSWERS)]
        assert [pair.answers, pair.patch_answers] == (sides if is_plural else sides[::-1])
        assert pair.variables["number"] == ("plural" if is_plural else "singular")


def test_halves_share_no_document_and_use_none_that_is_taken(halves: tuple[list[Pair], list[Pair]]) -> None:
    fit, judge = ([pair.variables["document"] for pair in half] for half in halves)
    assert len(set(fit)) == len(set(judge)) == 8
    assert not set(fit) & set(judge)
    assert not {0, 1, 2, 3} & {*fit, *judge}


def test_each_sentence_is_anothers_patch_of_its_length_and_the_other_number(
    halves: tuple[list[Pair], list[Pair]],
) -> None:
    for half in halves:
        by_text = {pair.clean: pair for pair in half}
        for pair in half:
            other = by_text[pair.patch]
            assert other.patch == pair.clean
            assert other.answers == pair.patch_answers
            assert len(other.clean.split()) == len(pair.clean.split())


def test_too_few_sentences_are_told(tiny_folder: Path) -> None:
    with pytest.raises(StudyError, match=r"natural sentences: \d+ to fit, 100 wanted; lower transfer.sentences"):
        natural_pairs(DOCUMENTS, set(), range(2, 6), 100, 0, load_tokenizer(tiny_folder))


@pytest.fixture(scope="module")
def basis() -> Basis:
    return {site: _autoencoder(seed) for seed, site in enumerate(SITES)}


def _autoencoder(seed: int) -> Features:
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(48, 32, generator=generator), dim=1)
    b_dec = torch.randn(32, generator=generator)
    return Features(SparseAutoencoder("topk", W_dec.T.contiguous(), torch.zeros(48), W_dec, b_dec, k=6))


@pytest.fixture(scope="module")
def groups(halves: tuple[list[Pair], list[Pair]], tiny_folder: Path) -> Groups:
    # One number only: random weights tell no numbers apart, and over both sides the metric's mean would be about 0.
    singular = [pair for pair in halves[1] if pair.variables["number"] == "singular"]
    return encode_pairs(singular, load_tokenizer(tiny_folder), 0)


@pytest.fixture(scope="module")
def fit(tiny: Model, halves: tuple[list[Pair], list[Pair]], basis: Basis, tiny_folder: Path) -> NodeScores:
    groups = encode_pairs(halves[0], load_tokenizer(tiny_folder), 0)
    return score_nodes(Bench(tiny, groups, basis, batch_tokens=1000), Scoring(method="relp"))


@torch.no_grad()
def _by_hand(
    tiny: Model, groups: Groups, basis: Basis, fit: NodeScores, kept: list[Node], keeps_errors: bool
) -> Tensor:
    """The metric of each prompt by itself, with every part of each site written out."""
    found = {}
    for indices, batch in groups:
        for row, index in enumerate(indices):
            one = PairBatch(*(part[row : row + 1] for part in vars(batch).values()))
            edits = {}
            for site, dictionary in basis.items():
                means, error = fit.means[site].at(one.clean.shape[1])
                mask = torch.zeros(dictionary.width)
                mask[[node.index for node in kept if node.site == site]] = 1

                def edit(
                    x: Tensor, d: Features = dictionary, means: Tensor = means, error: Tensor = error, on: Tensor = mask
                ) -> Tensor:
                    f = d.sae.encode(x)
                    lost = x - f @ d.sae.W_dec if keeps_errors else error
                    return torch.cat([x[:, :1], ((f * on + means * (1 - on)) @ d.sae.W_dec + lost)[:, 1:]], dim=1)

                edits[site] = edit
            logits = run(tiny, one.clean, edit=edits, logits="last").logits
            found[index] = logit_difference(logits[:, -1], one)[0].double()
    return torch.stack([found[index] for index in sorted(found)])


def test_the_shares_are_those_of_interventions_by_hand(
    tiny: Model, groups: Groups, basis: Basis, fit: NodeScores
) -> None:
    nodes = fit.ranked()[:12]
    every = [Node(site, index) for site, d in basis.items() for index in range(d.width)]
    rest = [node for node in every if node not in nodes]
    rival = every[:7]
    found = judge_nodes(Bench(tiny, groups, basis, mean_ablation(fit.means), batch_tokens=100), nodes, [rival], 0)
    hand = partial(_by_hand, tiny, groups, basis, fit)
    model, nothing = hand(every, True), hand([], False)
    span = model.mean() - nothing.mean()
    expected = {
        "necessity": 1 - hand(rest, True).mean() / model.mean(),
        "sufficiency": (hand(nodes, True).mean() - nothing.mean()) / span,
        "sufficiency_without_errors": (hand(nodes, False).mean() - nothing.mean()) / span,
        "errors_alone": (hand([], True).mean() - nothing.mean()) / span,
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value.item(), rel=1e-3, abs=1e-4)
        low, high = getattr(found, f"{name}_ci95")
        assert low <= getattr(found, name) <= high
    others = [node for node in every if node not in rival]
    assert found.random_necessity == [
        pytest.approx((1 - hand(others, True).mean() / model.mean()).item(), rel=1e-3, abs=1e-4)
    ]
    right = model > 0
    assert found.accuracy.model == right.double().mean().item()
    assert found.right_only.necessity == pytest.approx(
        (1 - hand(rest, True)[right].mean() / model[right].mean()).item(), rel=1e-3, abs=1e-4
    )


def test_nothing_is_not_necessary_and_everything_is_sufficient(
    tiny: Model, groups: Groups, basis: Basis, fit: NodeScores
) -> None:
    ablation = mean_ablation(fit.means)
    none = judge_nodes(Bench(tiny, groups, basis, ablation, batch_tokens=100), [], [], 0)
    assert none.necessity == pytest.approx(0, abs=1e-4)
    assert none.sufficiency == none.errors_alone
    assert none.sufficiency_without_errors == 0
    every = [Node(site, index) for site, d in basis.items() for index in range(d.width)]
    whole = judge_nodes(Bench(tiny, groups, basis, ablation, batch_tokens=100), every, [], 0)
    assert whole.sufficiency == pytest.approx(1, abs=1e-4)
    assert whole.metric.rest == pytest.approx(
        whole.metric.nothing + whole.errors_alone * (whole.metric.model - whole.metric.nothing)
    )


def test_every_fill_is_judged_for_nodes_of_both_origins(
    tiny: Model, groups: Groups, basis: Basis, fit: NodeScores
) -> None:
    settings = JudgeTransfer(study="s", sites=list(map(str, basis)), nodes=5, random_circuits=2)
    judged = judge_transfer(Bench(tiny, groups, basis, batch_tokens=100), [fit], fit, settings)
    assert len({(part.nodes_from, part.fill) for part in judged}) == len(judged) == 6
    alone = judge_nodes(
        Bench(tiny, groups, basis, mean_ablation(fit.means), batch_tokens=100), union_ranking([fit])[:5], [], 0
    )
    same = [part for part in judged if part.fill != "other sentence"]
    # With one task that is the fit half itself, templates and sentences are the same thing.
    assert all(part.necessity == alone.necessity for part in same)
    assert all(len(part.random_necessity) == 2 for part in judged)


def _scores(nodes: list[float], gap: float, means: list[float]) -> NodeScores:
    site = SITES[0]
    made = SiteScores(torch.tensor([[nodes]]), torch.zeros(1, 1))
    mean = torch.tensor(means).unsqueeze(1)
    return NodeScores({site: made}, {site: SiteMeans(mean, 10 * mean)}, torch.tensor([gap]), Scoring())


def test_tasks_count_alike_whatever_their_total_effect() -> None:
    tasks = [_scores([-8.0, -4.0, 0.0], -10.0, [1.0]), _scores([0.0, -0.9, 0.1], -1.0, [3.0, 5.0])]
    # Shares are (.8, .4, 0) and (0, .9, -.1): the largest are .8, .9 and none that helps.
    assert [node.index for node in union_ranking(tasks)] == [1, 0]


def test_means_are_over_the_tasks_that_reach_a_distance() -> None:
    tasks = [_scores([1.0], 1.0, [1.0]), _scores([1.0], 1.0, [3.0, 5.0])]
    found = shared_means(tasks)[SITES[0]]
    assert found.coordinates.flatten().tolist() == [2.0, 5.0]
    assert found.error.flatten().tolist() == [20.0, 50.0]


@torch.no_grad()
def test_means_are_over_words_and_not_over_the_separator(
    tiny: Model, halves: tuple[list[Pair], list[Pair]], basis: Basis, fit: NodeScores, tiny_folder: Path
) -> None:
    site, dictionary = next(iter(basis.items()))
    at: dict[int, list[Tensor]] = {}
    for _, batch in encode_pairs(halves[0], load_tokenizer(tiny_folder), 0):
        for tokens in (batch.clean, batch.patch):
            coordinates = dictionary.read(run(tiny, tokens, read=[site]).activations[site])
            for position in range(1, tokens.shape[1]):
                at.setdefault(tokens.shape[1] - 1 - position, []).extend(coordinates[:, position])
    assert len(fit.means[site].coordinates) == len(at)
    for distance, rows in at.items():
        torch.testing.assert_close(fit.means[site].coordinates[distance], torch.stack(rows).mean(dim=0))
