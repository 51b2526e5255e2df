"""What is said of an autoencoder is so: direct computation, planted features, planted absorption."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.sae.absorption import Lettered, letter_words, measure_absorption, split_words, word_activations
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.cosines import largest_cosines
from sparse_circuits.sae.evaluate import WITH_INTERVAL, _intervals, evaluate_coder
from sparse_circuits.sae.logistic import fit_probe
from sparse_circuits.sae.probing import Labelled, last_activations, probe_features, two_valued
from sparse_circuits.sae.stability import compare_decoders
from sparse_circuits.tasks.pair import Pair

SITE = Site.parse("resid_post.0")


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=1)


def _sae(W_enc: Tensor, W_dec: Tensor, k: int | None = None) -> SparseAutoencoder:
    """An autoencoder without biases: the k largest, or, without k, all that is above 0."""
    zeros = torch.zeros(len(W_dec)), torch.zeros(W_dec.shape[1])
    if k:
        return SparseAutoencoder("topk", W_enc, zeros[0], W_dec, zeros[1], k)
    return SparseAutoencoder("jumprelu", W_enc, zeros[0], W_dec, zeros[1], threshold=torch.zeros(len(W_dec)))


def _perfect(d: int) -> SparseAutoencoder:
    both = torch.cat([torch.eye(d), -torch.eye(d)])
    return _sae(both.T.contiguous(), both, k=2 * d)


def _evaluate(
    model: Model, sae: SparseAutoencoder, seed: int = 0, sink_norm: float = float("inf"), batch: int = 4
) -> SAEEvaluation:
    vocabulary = model.network.config.vocab_size
    tokens = torch.randint(1, vocabulary, (10, 16), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = model.separator_id
    sequences = Sequences(tokens.int().numpy(), tokens[:, 0].int().numpy())
    silent = torch.zeros(sae.width)
    settings = EvaluateSAE(reads=[str(SITE)], batch=batch, seed=seed)
    return evaluate_coder(model, sequences, sae, {SITE: sink_norm}, silent, settings)


def test_a_perfect_autoencoder_loses_nothing(tiny: Model) -> None:
    found = _evaluate(tiny, _perfect(tiny.d_model))
    assert found.fvu < 1e-4
    assert found.kl.sae < 1e-4
    for name in ("explained_variance", "ce_recovered", "kl_recovered", "cosine", "l2_ratio"):
        assert getattr(found, name) == pytest.approx(1, abs=0.01), name
    # Of each unit and its opposite, one fires.
    assert found.l0 == pytest.approx(tiny.d_model, rel=0.01)
    assert found.dense_fraction == pytest.approx(1, abs=0.05)


def test_the_measures_equal_a_direct_computation_over_all_tokens_at_once(tiny: Model) -> None:
    d = tiny.d_model
    sae = _sae(_random(d, 64) / d**0.5, _unit(_random(64, d, seed=1)), k=4)
    vocabulary = tiny.network.config.vocab_size
    tokens = torch.randint(1, vocabulary, (10, 16), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = tiny.separator_id
    with torch.no_grad():
        last = Site("resid_post", tiny.num_layers - 1)
        x = run(tiny, tokens, read=[SITE]).activations[SITE]
        rest = torch.zeros_like(x)
        rest[:, 0] = x[:, 0]
        approximation = sae.decode(sae.encode(x))
        approximation[:, 0] = x[:, 0]
        changed = [
            run(tiny, tokens, edit={SITE: lambda _, new=new: new}, read=[last]).activations[last]
            for new in (approximation, rest)
        ]
        logits = [tiny.network(tokens).logits, *(tiny.network.lm_head(tiny.network.model.norm(h)) for h in changed)]
    log_p, log_q, log_zero = (part[:, :-1].double().log_softmax(-1) for part in logits)
    kl = [(log_p.exp() * (log_p - other)).sum(-1).mean().item() for other in (log_q, log_zero)]
    ce = [-part.gather(2, tokens[:, 1:, None]).mean().item() for part in (log_p, log_q, log_zero)]
    data, error = x[:, 1:].flatten(0, 1).double(), (x - approximation)[:, 1:].flatten(0, 1).double()
    fvu = (error.square().sum() / (data - data.mean(dim=0)).square().sum()).item()
    found = _evaluate(tiny, sae)
    assert [found.kl.sae, found.kl.zero] == pytest.approx(kl, rel=1e-3)
    assert [found.ce.clean, found.ce.sae, found.ce.zero] == pytest.approx(ce, rel=1e-4)
    assert found.fvu == pytest.approx(fvu, rel=1e-5)
    assert found.kl_recovered == pytest.approx(1 - kl[0] / kl[1], rel=1e-3)
    assert found.tokens == len(data)
    assert sum(found.density.features) + found.density.silent == sae.width


def test_sinks_are_neither_replaced_nor_counted(tiny: Model) -> None:
    sae = _sae(_random(tiny.d_model, 64), _unit(_random(64, tiny.d_model, seed=1)), k=4)
    with torch.no_grad():
        everything = _evaluate(tiny, sae)
        norms = run(tiny, torch.arange(1, 50).unsqueeze(0), read=[SITE]).activations[SITE].norm(dim=2)
        some = _evaluate(tiny, sae, sink_norm=norms.median().item())
    assert 0 < some.tokens < everything.tokens
    assert some.kl.sae < everything.kl.sae


def test_measures_depend_on_the_seed_in_their_intervals_only_and_not_on_the_batch(tiny: Model) -> None:
    sae = _sae(_random(tiny.d_model, 64), _unit(_random(64, tiny.d_model, seed=1)), k=4)
    first, again, other = (_evaluate(tiny, sae, seed, batch=batch) for seed, batch in ((0, 4), (0, 3), (1, 4)))
    for name in WITH_INTERVAL:
        low, high = first.ci95[name]
        assert low <= getattr(first, name) <= high
        assert again.ci95[name] == pytest.approx([low, high], rel=1e-4)
    assert other.ci95["fvu"] != first.ci95["fvu"]
    assert other.model_copy(update={"ci95": first.ci95}) == first


def test_intervals_cover_the_truth_although_tokens_of_a_sequence_are_alike() -> None:
    """Each sequence has a level of its own: intervals over single tokens would cover far less often."""
    generator = torch.Generator().manual_seed(0)
    hits, repetitions, sequences, tokens = 0, 200, 40, 50
    for _ in range(repetitions):
        level = torch.randn(sequences, 1, generator=generator, dtype=torch.float64)
        active = 10 + level + torch.randn(sequences, tokens, generator=generator, dtype=torch.float64)
        ones, d = torch.ones(sequences, dtype=torch.float64), torch.ones(sequences, 1, dtype=torch.float64)
        sums = {
            "rows": ones * tokens,
            "active": active.sum(dim=1),
            **{name: ones for name in ("squares", "errors", "cosine", "l2_ratio")},
            **{name: d for name in ("x", "error")},
            **dict(
                zip(
                    ("ce_clean", "ce_sae", "ce_zero", "kl_sae", "kl_zero"), ones * torch.arange(5)[:, None], strict=True
                )
            ),
        }
        low, high = _intervals([sums], seed=0)["l0"]
        hits += low <= 10 <= high
    assert 0.88 <= hits / repetitions <= 0.99


def test_largest_cosines_leave_the_row_itself_out_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparse_circuits.sae.cosines.BLOCK", 7)
    rows = _random(40, 5)
    cosines = _unit(rows) @ _unit(rows).T
    torch.testing.assert_close(largest_cosines(rows), (cosines - 2 * torch.eye(40)).amax(dim=1))
    twin = torch.cat([rows, 3 * rows[:1]])
    assert largest_cosines(twin)[[0, -1]].tolist() == pytest.approx([1, 1])


def test_a_permuted_copy_is_the_same_autoencoder_and_a_random_one_is_not() -> None:
    rows = _random(2000, 64)
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(3))
    same = compare_decoders(rows, 2 * rows[order])
    assert same.matched == 1
    assert same.mean_max_cosine == pytest.approx((1, 1), abs=1e-5)
    random = compare_decoders(rows, _random(2000, 64, seed=1))
    assert random.matched == 0
    assert max(random.mean_max_cosine) < 0.6
    half = compare_decoders(rows, torch.cat([rows[order[:1000]], _random(1000, 64, seed=1)]))
    assert half.matched == 0.5


def test_a_feature_is_matched_once() -> None:
    rows = torch.eye(4)
    alike = rows[:1].repeat(4, 1)
    assert compare_decoders(rows, alike).matched == compare_decoders(alike, rows).matched == 0.25
    # The first could take both of the others; it leaves one to the second.
    pair, close = torch.tensor([[1.0, 0.0], [0.9, 0.4]]), torch.tensor([[1.0, 0.0], [1.0, 0.01]])
    assert compare_decoders(pair, close).matched == 1


def test_probes_are_the_minimum_of_scikit_learns_objective() -> None:
    """In one dimension the minimum can be found by search; classes of unequal size weigh the same."""
    x = _random(60, 1)
    label = ((x[:, 0] + 0.5 * _random(60, seed=1)) > 0.8).long()
    probe = fit_probe(x, label)
    scale = (x - x.mean()).square().mean().sqrt().double()
    z = (x.double() - x.mean()) / scale
    counts = torch.tensor([(label == 0).sum(), (label == 1).sum()])
    weights = len(x) / (2 * counts.double()[label])
    slopes, intercepts = torch.meshgrid(torch.linspace(0, 6, 301), torch.linspace(-5, 5, 501), indexing="ij")
    scores = slopes[..., None] * z[:, 0] + intercepts[..., None]
    loss = (weights * torch.nn.functional.softplus(torch.where(label == 1, -scores, scores))).sum(-1) + slopes**2 / 2
    best = loss.flatten().argmin()
    assert (probe.weight * scale).item() == pytest.approx(slopes.flatten()[best].item(), abs=0.02)
    assert probe.scores(x.mean().reshape(1, 1)).item() == pytest.approx(intercepts.flatten()[best].item(), abs=0.02)


def _planted(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features of which number 5 alone fires with the label, the others at random."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 2, (rows,), generator=generator)
    features = torch.rand(rows, 32, generator=generator) * (torch.rand(rows, 32, generator=generator) < 0.2)
    features[:, 5] = label * (1 + torch.rand(rows, generator=generator))
    return features, label


def test_probing_finds_a_planted_feature_and_fails_on_shuffled_labels() -> None:
    sae = _sae(torch.eye(32), torch.eye(32))
    train, test = (Labelled(*_planted(200, seed)) for seed in (0, 1))
    found = probe_features(sae, train, test, [1, 5])
    assert found.features[0] == 5
    assert found.sparse == [1, 1]
    assert found.dense > 0.95
    assert found.majority < 0.6
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    shuffled = probe_features(sae, replace(train, label=train.label[order]), test, [1, 5])
    assert max(*shuffled.sparse, shuffled.dense) < 0.65


def test_a_probe_of_more_features_than_there_are_is_refused() -> None:
    train = Labelled(*_planted(20, 0))
    with pytest.raises(StudyError, match=r"probing.ks: 99 features a probe, but the autoencoder has 32"):
        probe_features(_sae(torch.eye(32), torch.eye(32)), train, train, [1, 99])


def test_labels_are_the_variables_with_the_same_two_values_in_both_splits() -> None:
    def pairs(numbers: str, extra: str) -> list[Pair]:
        return [Pair("", "", "", [], [], {"number": n, "noun": n + extra, "same": 1}) for n in numbers]

    found = two_valued(pairs("spps", "a"), pairs("ps", "b"))
    assert list(found) == ["number"]
    assert [labels.tolist() for labels in found["number"]] == [[1, 0, 0, 1], [0, 1]]


def test_activations_are_those_at_the_last_token_in_the_order_of_the_pairs(tiny: Model, tiny_folder: Any) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    texts = ["The key near the boxes", "The key", "The boxes near the key"]
    pairs = [Pair(text, text, text.replace("key", "author"), [" is"], [" are"]) for text in texts]
    found = last_activations(tiny, pairs, SITE, batch=1)
    for text, row in zip(texts, found, strict=True):
        tokens = torch.tensor([[tiny.separator_id, *tokenizer.encode(text)]])
        with torch.no_grad():
            expected = run(tiny, tokens, read=[SITE]).activations[SITE][0, -1]
        torch.testing.assert_close(row, expected, atol=1e-2, rtol=1e-2)


def test_words_are_single_tokens_of_the_letter_and_read_at_their_own_token(tiny: Model, tiny_folder: Any) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    words = letter_words(tokenizer, 12, seed=0)
    texts = [tokenizer.decode([token]) for token in words.tokens.tolist()]
    assert [text[1] for text in texts] == [words.letters[number] for number in words.letter.tolist()]
    assert words.letter.bincount().max() == 12
    assert torch.equal(words.tokens, letter_words(tokenizer, 12, seed=0).tokens)
    x = word_activations(tiny, words, SITE, batch=7)
    assert x.shape == (len(texts), tiny.d_model)
    train, test = split_words(x, words.letter)
    assert len(train.x) + len(test.x) == len(x)
    assert set(train.letter.tolist()) == set(test.letter.tolist())


ABSORBED = 12  # kinds of words of the first letter, of 40, that have a feature of their own


def _spelled(seed: int) -> Lettered:
    """Words of 3 letters and 40 kinds: a direction for the letter and one for the kind."""
    generator = torch.Generator().manual_seed(seed)
    letter = torch.arange(3).repeat_interleave(400)
    kind = torch.arange(40).repeat(30)
    x = torch.zeros(1200, 3 + 40)
    x[torch.arange(1200), letter] = 2
    x[torch.arange(1200), 3 + kind] = 2
    return Lettered(x + 0.05 * torch.randn(x.shape, generator=generator), letter)


def _speller(absorbing: bool) -> SparseAutoencoder:
    """A feature a letter; with `absorbing`, the first is silent for 12 kinds of words, whose own features carry it."""
    W_enc, W_dec = torch.zeros(43, 3 + ABSORBED), torch.zeros(3 + ABSORBED, 43)
    W_enc[:3, :3] = W_dec[:3, :3] = torch.eye(3)
    for index in range(ABSORBED):
        W_dec[3 + index, [0, 3 + index]] = 0.5**0.5
        W_enc[[0, 3 + index], 3 + index] = 1
        if absorbing:
            W_enc[3 + index, 0] = -2
    # Above the 2 that a kind of word, or the letter alone, gives; a letter's feature needs less.
    threshold = torch.cat([torch.full((3,), 1.0), torch.full((ABSORBED,), 3.0 if absorbing else 99.0)])
    sae = _sae(W_enc, W_dec)
    return replace(sae, threshold=threshold)


def test_planted_absorption_is_found_and_none_where_there_is_none() -> None:
    train, test = _spelled(0), _spelled(1)
    found = measure_absorption(_speller(absorbing=True), train, test, "abc")
    assert {letter: entry.features for letter, entry in found.letters.items()} == {"a": [0], "b": [1], "c": [2]}
    absorbed = {letter: entry.absorbed / entry.recognised for letter, entry in found.letters.items()}
    assert absorbed == pytest.approx({"a": ABSORBED / 40, "b": 0, "c": 0}, abs=0.02)
    assert found.rate == pytest.approx(ABSORBED / 40 / 3, abs=0.01)
    assert measure_absorption(_speller(absorbing=False), train, test, "abc").rate == 0


def test_letters_that_the_activations_do_not_tell_are_left_out() -> None:
    train, test = (Lettered(_random(300, 43, seed=seed), torch.arange(300) % 3) for seed in (0, 1))
    found = measure_absorption(_speller(absorbing=True), train, test, "abc")
    assert found.letters == {}
    assert found.rate is None
