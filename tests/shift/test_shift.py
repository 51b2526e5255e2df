"""SHIFT: probes find what was planted, biographies are checked, and what is ablated is what the probe rested on."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch

from sparse_circuits.artefacts.shift_evaluation import GroupAccuracies
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Coordinates, Node
from sparse_circuits.config.shift import Shift
from sparse_circuits.config.site import Site
from sparse_circuits.edit.effects import first_order_effects
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import Run, run
from sparse_circuits.sae.logistic import Probe
from sparse_circuits.shift.circuit import Evidence, activity, circuit
from sparse_circuits.shift.experiment import Subject, experiment
from sparse_circuits.shift.probe import Texts, fit, group_accuracies, mean_over, pooled
from sparse_circuits.shift.words import on_gendered, without_gender
from sparse_circuits.shift.writing import sample, write
from sparse_circuits.sources.biographies import Biography, read_bias_in_bios, read_biographies, write_biographies
from worlds.seeded import generator, normal

LAST = Site("resid_post", 1)
SETTINGS = Shift.model_validate(
    {"professions": {"professor": ["university"], "nurse": ["hospital"]}, "site": str(LAST), "train": 8, "test": 4}
    | {"nodes": 10, "scored": 8, "seeds": 2, "tokens": 12}
)


def people(each: int) -> list[Biography]:
    """Biographies of few words, all different."""
    places = {"professor": "university", "nurse": "hospital"}
    pronouns = {"male": ("He", "his"), "female": ("She", "her")}
    return [
        Biography(f"{she} went to the {place} with {her} {number} friends", profession, gender)
        for profession, place in places.items()
        for gender, (she, her) in pronouns.items()
        for number in range(each)
    ]


def test_padding_changes_no_mean(tiny_folder: Path, tiny: Model) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    short, long = "She sat", "He went to the hospital with all of his many friends"
    together = pooled(tiny, Texts.of([short, long], tiny, 64), LAST)
    for row, text in zip(together, (short, long), strict=True):
        tokens = torch.tensor([[tiny.separator_id, *tokenizer.encode(text, add_special_tokens=False)]])
        expected = run(tiny, tokens, read=[LAST]).activations[LAST][0, 1:].mean(dim=0)
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-5)


def test_a_probe_finds_the_planted_direction_and_is_judged_by_hand() -> None:
    second = torch.arange(200) % 2 == 1
    x = normal(200, 5).float() * torch.tensor([1.0, 10, 0.1, 1, 1])
    x[:, 2] += second * 2.0
    probe = fit(x, second)
    scaled = probe.weight * x.std(dim=0)
    assert scaled.abs().argmax() == 2
    assert ((probe.scores(x) > 0) == second).double().mean() > 0.99
    says = torch.tensor([True, True, False, True, False, False])
    right = torch.tensor([True, True, True, False, False, False])
    woman = torch.tensor([True, False, True, True, False, True])
    assert group_accuracies(says, right, woman) == GroupAccuracies(profession=4 / 6, gender=3 / 6, worst_group=0.5)


def test_effects_of_ablation_are_exact_where_all_that_follows_is_linear(tiny: Model) -> None:
    tokens = torch.randint(tiny.network.config.vocab_size, (3, 6), generator=generator())
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    direction, counts = normal(tiny.d_model).float(), torch.ones(3, 6, dtype=torch.bool)

    def metric(found: Run) -> torch.Tensor:
        return (mean_over(found.activations[LAST], counts) @ direction).sum()

    effects = first_order_effects(tiny, basis, tokens, metric, {}, read=LAST)[LAST]
    whole = metric(run(tiny, tokens, read=[LAST]))
    for index in (0, 7, 31):
        edits = rewrite_nodes(basis, {Node(LAST, index): Rewriting()})
        exact = metric(run(tiny, tokens, read=[LAST], edit=edits)) - whole
        torch.testing.assert_close(effects[index], exact, rtol=1e-3, atol=1e-5)


def test_the_circuit_of_a_probe_is_what_it_reads(tiny: Model) -> None:
    biographies = people(8)
    texts = Texts.of([one.text for one in biographies], tiny, 16)
    second = torch.tensor([one.profession == "nurse" for one in biographies])
    x = pooled(tiny, texts, LAST)
    one = int((x[second].mean(dim=0) - x[~second].mean(dim=0)).abs().argmax())
    difference = (x[second].mean(dim=0) - x[~second].mean(dim=0))[one].sign()
    probe = Probe(torch.nn.functional.one_hot(torch.tensor(one), tiny.d_model).float() * difference, 0.0)
    found = circuit(tiny, {LAST: Coordinates(tiny.d_model)}, texts, second, LAST, probe, 5)
    assert list(found) == [Node(LAST, one)]


def test_evidence_is_the_share_of_activation_on_words_of_gender(tiny_folder: Path, tiny: Model) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    texts = Texts.of(["The boy and the king are here"], tiny, 16)
    gendered = [tokenizer.encode(word, add_special_tokens=False)[0] for word in (" boy", " king")]
    assert all(len(tokenizer.encode(word, add_special_tokens=False)) == 1 for word in (" boy", " king"))

    class Marked(Coordinates):
        """Coordinate 0 marks words of gender by hand, coordinate 1 all tokens."""

        def read(self, x: torch.Tensor) -> torch.Tensor:
            marks = torch.isin(texts.tokens[0], torch.tensor(gendered)).float()
            return torch.stack([marks, torch.ones_like(marks)], dim=1)[None].repeat(1, 1, self.width // 2)

    on_words = activity(tiny, {LAST: Marked(tiny.d_model)}, texts).on_words[LAST]
    counted = int(texts.counts.sum())
    assert on_words[0] == 1
    assert on_words[1] == pytest.approx(2 / counted)
    assert Evidence(on_words[0].item(), promotes=False).about_gender(0.5)
    assert not Evidence(on_words[1].item(), promotes=False).about_gender(0.9)
    assert Evidence(on_words[1].item(), promotes=True).about_gender(0.9)


def test_at_their_means_ablated_nodes_leave_the_mean_text_where_it_was(tiny: Model) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    texts = Texts.of([one.text for one in people(8)], tiny, 10)
    assert texts.counts[:, 1:].all(), "texts of one length: their mean is that over tokens"
    means, nodes = activity(tiny, basis, texts).mean[LAST], [Node(LAST, 3), Node(LAST, 8)]
    before = pooled(tiny, texts, LAST)
    torch.testing.assert_close(means.float(), before.mean(dim=0), rtol=1e-4, atol=1e-5)
    at_means = {node: Rewriting(clamp=means[node.index].item()) for node in nodes}
    after = pooled(tiny, texts, LAST, rewrite_nodes(basis, at_means))
    torch.testing.assert_close(after.mean(dim=0), before.mean(dim=0), rtol=1e-4, atol=1e-5)
    assert after[:, [3, 8]].std(dim=0).max() < 1e-5 < before[:, [3, 8]].std(dim=0).min()
    half = texts.take(range(4))
    half.counts[:, 5:] = False
    shorter = pooled(tiny, half, LAST).mean(dim=0)
    fewer = activity(tiny, basis, half).mean[LAST]
    torch.testing.assert_close(fewer.float(), shorter, rtol=1e-4, atol=1e-5)


def test_pieces_are_gendered_as_words_not_by_themselves() -> None:
    assert on_gendered(["She", " sat", " he", "re", " with", " h", "im", "."]) == [
        *[True, False, False, False],
        *[False, True, True, False],
    ]


def test_words_of_gender_are_deleted_and_no_others() -> None:
    assert without_gender("She said that Mary's uncle sees him there.") == " said that's sees there."
    assert without_gender("The shed is here, the thermometer too.") == "The shed is here, the thermometer too."


def test_sampling_draws_from_the_models_own_distribution(tiny_folder: Path, tiny: Model) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    prompts = ["The key", "The keys to the cabinet", "The dog"]
    once, again, other = (sample(tiny, prompts, 6, generator(seed)) for seed in (0, 0, 1))
    assert once == again
    assert once != other
    # By hand without a cache: the first tokens that the same generator draws.
    rows = [[tiny.separator_id, *tokenizer.encode(prompt, add_special_tokens=False)] for prompt in prompts]
    shortest = [row for row in rows if len(row) == min(map(len, rows))]
    tokens, drawing = torch.tensor(shortest), generator(0)
    for _ in range(6):
        logits = run(tiny, tokens, logits="last").logits
        tokens = torch.cat([tokens, torch.multinomial((logits[:, -1] / 0.7).softmax(-1), 1, generator=drawing)], dim=1)
    assert once[rows.index(shortest[0])] == tokenizer.decode(tokens[0, -6:])


def test_a_model_that_writes_no_biographies_is_given_up(tiny: Model) -> None:
    with pytest.raises(StudyError, match=r"professor, male: only 0 of .* biographies tell profession and gender"):
        write(tiny, {"professor": ["university"], "nurse": ["hospital"]}, 2, 4, 0)


def test_published_biographies_are_read_by_group(tmp_path: Path) -> None:
    rows = [(f"text {i}", (21, 13, 0)[i % 3], i % 2) for i in range(60)]
    columns = dict(zip(("hard_text", "profession", "gender"), map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), tmp_path / "bios.parquet")
    found = list(read_bias_in_bios([tmp_path / "bios.parquet"], ["professor", "nurse"], 4))
    assert len(found) == 16
    assert {(one.profession, one.gender) for one in found} == {
        (profession, gender) for profession in ("professor", "nurse") for gender in ("male", "female")
    }
    assert found[0] == Biography("text 0", "professor", "male")
    write_biographies(tmp_path / "bios.jsonl", found)
    assert read_biographies(tmp_path / "bios.jsonl") == found
    with pytest.raises(StudyError, match="astronaut is not among the professions"):
        list(read_bias_in_bios([tmp_path / "bios.parquet"], ["astronaut"], 4))
    parquet.write_table(pa.table({"text": ["x"]}), tmp_path / "other.parquet")
    with pytest.raises(StudyError, match=r"other\.parquet: no column `hard_text`"):
        list(read_bias_in_bios([tmp_path / "other.parquet"], ["nurse"], 4))


def test_ablating_what_tells_gender_frees_the_probe_of_it(tiny: Model) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    subject = Subject(tiny, basis, SETTINGS, people(16))
    found = experiment(subject, seed=0)
    assert found == experiment(subject, seed=0)
    rows, _ = found
    assert set(rows) == {
        "original", "shift", "blind", "random", "retrained", "deletion", "concepts", "oracle",
    }  # fmt: skip
    assert rows["oracle"].profession == 1
    # Without the words of gender both genders' texts are the same but for the number.
    assert rows["deletion"].gender == pytest.approx(0.5)
    assert rows["deletion"].worst_group == rows["deletion"].profession == 1
    draws = [subject.draw(generator(seed)) for seed in range(2)]
    for draw in draws:
        assert not {*draw.ambiguous, *draw.balanced} & {*draw.test}
        assert {(subject.second[i].item(), subject.woman[i].item()) for i in draw.ambiguous} == {
            (False, False),
            (True, True),
        }
    taken = SETTINGS.model_copy(update={"on_words": 0.0})  # the whole circuit counts as gender
    mean, zero = (
        experiment(replace(subject, settings=taken.model_copy(update={"ablation": how})), seed=0)[0]
        for how in ("mean", "zero")
    )
    # At 0 even random nodes take something from every text and move the probe's threshold; at their means they do not.
    assert mean["random"] == mean["original"] == zero["original"]
    assert zero["random"] != zero["original"]
    assert {name for name, row in zero.items() if row != mean[name]} <= {"shift", "blind", "random", "retrained"}
    with pytest.raises(StudyError, match="professor, male: 4 biographies; 12 are needed"):
        experiment(replace(subject, biographies=people(4)), seed=0)
