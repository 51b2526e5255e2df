"""Edits change what they name and nothing else; what is selected, erased and made permanent is so by measurement."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.basis import Basis, Coordinates, Features, Node
from sparse_circuits.config.edits import EditSettings, Select
from sparse_circuits.config.site import Site
from sparse_circuits.edit.build import Materials, build, rewritings
from sparse_circuits.edit.circuits import mean_coordinates, mean_intervention
from sparse_circuits.edit.erasure import Erasure, erase
from sparse_circuits.edit.evaluate import Trials, judge_variants, most_changed_nodes
from sparse_circuits.edit.features import Rewriting, random_nodes, rewrite_nodes
from sparse_circuits.edit.judging import ConceptJudge
from sparse_circuits.edit.measure import TextEffects, Variant, differences, differences_of, text_effects
from sparse_circuits.edit.select import Stakes, select
from sparse_circuits.models.intervention import compose
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.attractors import attractor_pairs
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups
from worlds.seeded import autoencoder, generator, normal, texts

FIRST, LAST = Site("resid_post", 0), Site("resid_post", 1)


@pytest.mark.parametrize("sae", [autoencoder(64, k=100), autoencoder(64, threshold=0.3)], ids=["topk", "jumprelu"])
@pytest.mark.parametrize(
    "how",
    [Rewriting(), Rewriting(-1.0), Rewriting(clamp=2.0), Rewriting(0.5, below=0.8)],
    ids=["ablate", "turn", "clamp", "below"],
)
def test_rewriting_changes_the_named_features_by_their_rows(sae: SparseAutoencoder, how: Rewriting) -> None:
    x = normal(3, 5, 64, seed=3).float()
    edited = rewrite_nodes({LAST: Features(sae)}, {Node(LAST, 7): how, Node(LAST, 20): how})[LAST](x)
    f = sae.encode(x)
    new = f.clone()
    for index in (7, 20):
        column = f[..., index]
        wanted = torch.full_like(column, how.clamp) if how.clamp is not None else column * how.factor
        new[..., index] = wanted if how.below is None else torch.where(column < how.below, wanted, column)
    expected = x + (new - f) @ sae.W_dec
    expected[:, 0] = x[:, 0]  # the separator
    torch.testing.assert_close(edited, expected, rtol=0, atol=1e-5)
    assert (edited != x).any()


def test_edits_at_a_site_are_done_in_their_order() -> None:
    first = rewrite_nodes({LAST: Coordinates(4)}, {Node(LAST, 1): Rewriting(3.0)})
    second = rewrite_nodes({LAST: Coordinates(4)}, {Node(LAST, 1): Rewriting(clamp=5.0)})
    x = torch.ones(1, 2, 4)
    assert compose([first, second])[LAST](x)[0, 1].tolist() == [1, 5, 1, 1]
    assert compose([second, first])[LAST](x)[0, 1].tolist() == [1, 15, 1, 1]
    assert compose([first, second])[LAST](x)[0, 0].tolist() == [1, 1, 1, 1]


def test_nodes_that_an_edit_moves_are_told_by_how_far(tiny: Model) -> None:
    """Between coordinates of two sites: only those downstream move, by what two runs say, the separator left out."""
    text, basis = texts(tiny), {site: Coordinates(32) for site in (FIRST, LAST)}
    edited = Node(FIRST, 3)
    after = Variant(tiny, rewrite_nodes(basis, {edited: Rewriting(-4.0)}))
    rows = most_changed_nodes(Variant(tiny), after, basis, text, {edited}, count=5)
    old, new = (
        torch.cat([run(tiny, batch, edit=v.intervention, read=[LAST]).activations[LAST][:, 1:] for batch in text])
        for v in (Variant(tiny), after)
    )
    moved = (new - old).abs().mean(dim=(0, 1)).double()
    values, indices = moved.topk(5)
    assert [row.node for row in rows] == [Node(LAST, index).id for index in indices.tolist()]
    assert [row.change for row in rows] == pytest.approx(values.tolist(), rel=1e-5)
    assert rows[0].after == pytest.approx(new.abs().mean(dim=(0, 1))[indices[0]].item(), rel=1e-5)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ("resid_post.0/3", "not in this basis"),
        ("resid_post.1/4", "not in this basis"),
        ("resid_post.1/error", "not in"),
    ],
)
def test_nodes_that_cannot_be_rewritten_are_named(node: str, message: str) -> None:
    with pytest.raises(StudyError, match=f"node {node}: {message}"):
        rewrite_nodes({LAST: Coordinates(4)}, {Node.parse(node): Rewriting()})


def test_mean_ablation_sets_to_means_over_text_what_is_named_or_all_else(tiny: Model) -> None:
    basis: Basis = {FIRST: Features(autoencoder(tiny.d_model, k=8)), LAST: Coordinates(tiny.d_model)}
    batches = texts(tiny)
    means = mean_coordinates(tiny, basis, batches)
    x = torch.cat([run(tiny, batch, read=[LAST]).activations[LAST] for batch in batches])
    torch.testing.assert_close(means[LAST], x[:, 1:].mean(dim=(0, 1)), rtol=1e-4, atol=1e-5)
    nodes = [Node(LAST, 3), Node(LAST, 5)]
    removed = mean_intervention(basis, means, nodes)[LAST](x)
    others = [i for i in range(tiny.d_model) if i not in (3, 5)]
    torch.testing.assert_close(removed[:, 1:, [3, 5]], means[LAST][[3, 5]].expand(len(x), 11, 2), rtol=0, atol=1e-5)
    assert torch.equal(removed[..., others], x[..., others])
    kept = mean_intervention(basis, means, nodes, keep=True)
    torch.testing.assert_close(kept[LAST](x)[..., [3, 5]], x[..., [3, 5]], rtol=0, atol=1e-5)
    torch.testing.assert_close(kept[LAST](x)[0, 1, others], means[LAST][others], rtol=0, atol=1e-5)
    sae = basis[FIRST]
    y = normal(2, 4, tiny.d_model, seed=5).float()
    all_at_means = kept[FIRST](y)[:, 1:]
    torch.testing.assert_close(all_at_means, y[:, 1:] + sae.write(means[FIRST] - sae.read(y[:, 1:])), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ["leace", "mean_difference"])
def test_after_erasure_the_prompts_means_are_the_same(tiny: Model, groups: dict[str, Groups], method: Erasure) -> None:
    edits = erase(tiny, groups["train"], [FIRST, LAST], method)

    def means(edited: bool, site: Site) -> tuple[Tensor, Tensor]:
        rows: dict[str, list[Tensor]] = {"clean": [], "patch": []}
        for _, batch in groups["train"]:
            differs = (batch.clean != batch.patch).cumsum(dim=1) > 0
            for side in rows:
                tokens = getattr(batch, side)
                found = run(tiny, tokens, read=[site], edit=edits if edited else None).activations[site]
                rows[side].append(found[differs])
        clean, patch = (torch.cat(part).mean(dim=0) for part in rows.values())
        return clean, patch

    for site in (FIRST, LAST):
        (clean, patch), (before_clean, before_patch) = means(True, site), means(False, site)
        assert (clean - patch).norm() < 1e-3 * (before_clean - before_patch).norm()


def test_variants_that_share_a_beginning_do_what_they_do_alone(tiny: Model, groups: dict[str, Groups]) -> None:
    basis: Basis = {FIRST: Coordinates(tiny.d_model), LAST: Coordinates(tiny.d_model)}
    nodes = {FIRST: Node(FIRST, 3), LAST: Node(LAST, 5)}
    variants = {
        "before": Variant(tiny),
        "first": Variant(tiny, rewrite_nodes(basis, {nodes[FIRST]: Rewriting()})),
        "last": Variant(tiny, rewrite_nodes(basis, {nodes[LAST]: Rewriting(-1.0)})),
        "both": Variant(tiny, rewrite_nodes(basis, dict.fromkeys(nodes.values(), Rewriting(3.0)))),
    }
    together = differences_of(variants, groups["test"])
    text = texts(tiny)
    effects = text_effects(variants, text)
    for name, variant in variants.items():
        alone = differences(variant, groups["test"])
        torch.testing.assert_close(together[name].clean, alone.clean, rtol=0, atol=1e-5)
        torch.testing.assert_close(together[name].patch, alone.patch, rtol=0, atol=1e-5)
        assert effects[name].loss == pytest.approx(text_effects({"": variant}, text)[""].loss, abs=1e-6)
        assert (effects[name].kl > 1e-6) == (name != "before")


def test_the_greedy_choice_is_the_best_by_brute_force_and_within_the_limits(
    tiny: Model, groups: dict[str, Groups]
) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    allowed = {LAST: torch.zeros(tiny.d_model, dtype=torch.bool)}
    allowed[LAST][:8] = True
    text = texts(tiny)
    stakes = Stakes(groups["train"], {"agreement": groups["train"]}, text)
    limits = Select(kind="select", at_most=1, target=0.0, accuracy=0.05, loss=0.01, shortlist=8, factors=[0.0, -1.0])
    chosen, rows = select(tiny, basis, stakes, limits, allowed)
    before = Variant(tiny)
    train, held_out = _halves(groups["train"])
    found = {}
    for index in range(8):
        for factor in limits.factors:
            variant = Variant(tiny, rewrite_nodes(basis, {Node(LAST, index): Rewriting(factor)}))
            gap = abs(differences(variant, train).gap.mean().item())
            spares = (
                abs(differences(variant, held_out).gap.mean()) < abs(differences(before, held_out).gap.mean())
                and differences(variant, groups["train"]).accuracy
                >= differences(before, groups["train"]).accuracy - limits.accuracy
                and text_effects({"": variant}, text)[""].loss
                <= text_effects({"": before}, text)[""].loss + limits.loss
            )
            if spares:
                found[index, factor] = gap
    (node, rewriting), *_ = chosen.items()
    assert (node.index, rewriting.factor) == min(found, key=lambda one: found[one])
    assert rows[-1].taken
    assert rows[-1].gap == pytest.approx(min(found.values()), rel=1e-3)
    assert all(row.reason for row in rows)


class Stub:
    """An endpoint that says yes to one feature, which it knows by what it is shown, and answers the others as given."""

    def __init__(self, other: str) -> None:
        self.other, self.asked = other, list[str]()
        self.yes = ""

    def ask(self, system: str, user: str, max_tokens: int) -> str:
        self.asked.append(system + user)
        return '{"about": true, "because": "plurals"}' if user == self.yes else self.other


@pytest.mark.parametrize(
    ("other", "because"), [('{"about": false, "because": "colours"}', "colours"), ("Hm.", "the answer was 'Hm.'")]
)
def test_a_judge_is_shown_where_features_are_active_and_decides(
    other: str, because: str, tiny: Model, groups: dict[str, Groups]
) -> None:
    basis: Basis = {LAST: Features(autoencoder(tiny.d_model, k=8))}
    text, stub = texts(tiny), Stub(other)
    stakes = Stakes(groups["train"], {}, text)
    limits = Select(kind="select", at_most=1, target=0.0, accuracy=1, loss=1, shortlist=6, factors=[0.0])
    judge = ConceptJudge(stub, "number", tiny, basis, text)
    chosen, rows = select(tiny, basis, stakes, limits, judge=judge)
    assert not chosen
    assert "about number" in stub.asked[0]
    assert "<<" in stub.asked[0]
    assert any(row.reason == f"not about number: {because}" for row in rows)
    second = [row.node for row in rows if row.reason.startswith("not about")][-1]
    stub.yes = judge._shown(Node.parse(second))
    chosen, rows = select(tiny, basis, stakes, limits, judge=judge)
    assert [node.id for node in chosen] == [second]
    assert rows[-1].reason.endswith("about number: plurals")


def _halves(groups: Groups) -> tuple[Groups, Groups]:
    from sparse_circuits.circuits.search.problem import split_pairs

    return split_pairs(groups, 0.25)


def test_nothing_is_chosen_where_everything_is_to_stay(tiny: Model, groups: dict[str, Groups]) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    stakes = Stakes(groups["train"], {}, texts(tiny))
    chosen, rows = select(tiny, basis, stakes, Select(kind="select", shortlist=2).model_copy(update={"loss": -1.0}))
    assert not chosen
    assert rows
    assert all("the loss on text rises" in row.reason or "held-out" in row.reason for row in rows)


def test_random_nodes_are_active(tiny: Model) -> None:
    d = tiny.d_model
    b_enc = torch.full((d,), -1e6)
    b_enc[:4] = 1e6
    basis: Basis = {LAST: Features(SparseAutoencoder("standard", torch.eye(d), b_enc, torch.eye(d), torch.zeros(d)))}
    drawn = random_nodes([Node(LAST, 0)], tiny, basis, texts(tiny), generator())
    assert drawn[0].index in (1, 2, 3)
    with pytest.raises(StudyError, match="4 nodes are edited, and only 0 others are active"):
        random_nodes([Node(LAST, i) for i in range(4)], tiny, basis, texts(tiny), generator())


def test_random_nodes_stand_at_the_same_sites_and_are_others(tiny: Model) -> None:
    basis: Basis = {site: Coordinates(tiny.d_model) for site in (FIRST, LAST)}
    nodes = [Node(FIRST, 0), Node(FIRST, 1), Node(LAST, 2)]
    others = random_nodes(nodes, tiny, basis, texts(tiny), generator())
    assert [node.site for node in others] == [FIRST, FIRST, LAST]
    assert not {*others} & {*nodes}
    assert len({*others}) == 3


def test_errors_are_the_prompts_on_which_attractors_win(tiny_folder: Path, tiny: Model) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    pairs = attractor_pairs("subject_relative", "test", 20, 0, tokenizer)
    trials, effects = Trials(pairs, {}, [], tiny, 0), TextEffects(0.0, 0.0, torch.zeros(1, 1))
    row = judge_variants({"before": Variant(tiny)}, trials, {"before": effects})["before"]
    wrong = 0
    for pair in pairs:
        tokens = torch.tensor([[tiny.separator_id, *tokenizer.encode(pair.patch, add_special_tokens=False)]])
        logits = run(tiny, tokens, logits="last").logits
        right, other = (
            logits[0, -1, [tokenizer.encode(a, add_special_tokens=False)[0] for a in answers]].logsumexp(0)
            for answers in (pair.answers, pair.patch_answers)
        )
        wrong += bool(right < other)
    assert row["errors"] == pytest.approx(wrong / len(pairs))
    assert 0 < wrong < len(pairs)


def test_gendered_words_are_deleted_where_both_prompts_lose_as_many(tiny: Model) -> None:
    queen = Pair("a", "The queen said that", "The king said that", [" is"], [" are"])
    number = Pair("b", "The girl near the table", "The girls near the table", [" is"], [" are"])
    whole = Trials([queen], {"agreement": [[number]]}, [], tiny, 0)
    trials = whole.without_gendered_words()
    assert (trials.goal[0].clean, trials.goal[0].patch) == ("The said that", "The said that")
    assert trials.keep["agreement"] == [[number]]
    # Without the word that told them apart the model answers both prompts alike.
    text = {"before": TextEffects(0.0, 0.0, torch.zeros(1, 1))}
    row = judge_variants({"before": Variant(tiny)}, trials, text)["before"]
    assert row["gap"] == 0


def test_operations_are_built_in_their_order(tiny: Model, groups: dict[str, Groups]) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    settings = EditSettings.model_validate(
        {
            "goal": "nounpp",
            "keep": {"agreement": ["nounpp"]},
            "operations": [
                {"kind": "select"},
                {"kind": "rewrite", "nodes": ["resid_post.1/2"], "clamp": 4.0},
                {"kind": "mean_ablate", "nodes": ["resid_post.1/3"]},
                {"kind": "remove_circuit", "task": "nounpp"},
                {"kind": "leace", "behaviour": "nounpp", "sites": ["resid_post.0"]},
            ],
        }
    )
    selected = {Node(LAST, 1): Rewriting(0.0)}
    circuit = [Node(LAST, 4)]
    materials = Materials(tiny, basis, texts(tiny), {"nounpp": groups["train"]}, {"nounpp": circuit}, selected)
    intervention = build(settings, materials)
    assert set(intervention) == {FIRST, LAST}
    x = normal(1, 3, tiny.d_model, seed=6).float()
    y = intervention[LAST](x)
    means = mean_coordinates(tiny, basis, materials.text)[LAST]
    assert y[0, 1, 1] == 0
    assert y[0, 1, 2] == pytest.approx(4.0)
    torch.testing.assert_close(y[0, 1, [3, 4]], means[[3, 4]], rtol=0, atol=1e-5)
    assert torch.equal(y[..., 5:], x[..., 5:])
    assert rewritings(settings, selected) == {**selected, Node(LAST, 2): Rewriting(0.0, 4.0)}
    with pytest.raises(StudyError, match=r"operations: resid_post.1/2 is rewritten twice; name it once"):
        rewritings(settings, {Node(LAST, 2): Rewriting()})
