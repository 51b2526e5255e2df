"""A spurious cue is where it is planted, costs what it is said to cost, and an edit's effect on images is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.site import Site
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry as Entry
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.edit.cue import cue_accuracies
from sparse_circuits.edit.erasure import erase
from sparse_circuits.edit.measure import Variant, text_effects
from sparse_circuits.models.cues import as_trained, plant
from sparse_circuits.models.load import Model, load_model, load_tokenizer
from sparse_circuits.models.pictures import save_tokenizer, to_tokens
from sparse_circuits.models.run import run
from sparse_circuits.studies.load import load_study
from sparse_circuits.tasks.cue import cue_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.weight_sparse.folder import new_vision_model, save_model
from worlds.artefact_example import example
from worlds.checkout import ROOT
from worlds.drawn_images import from_text

CLASSES = ["dot", "bar", "ring"]
SHAPE = (4, 6, 1)
CUE = Cue(of="bar", size=2, level=250)
SITE = Site("resid_post", 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    save_tokenizer(CLASSES, made / "tokenizer", "shapes")
    model = new_vision_model(Entry(layers=2, d_model=8, head_dim=4, patch=2, images=64, batch=8), SHAPE, 3, 0)
    save_model(model, "shapes", made / "tokenizer", "MIT", example(ModelLosses), [{"step": 0}], made / "model")
    return made / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, torch.device("cpu"))


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 200, (count, *SHAPE), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 3


def test_the_cue_is_a_corner_and_nothing_else_changes() -> None:
    found, labels = images(6)
    planted = plant(found, CUE)
    assert (planted[:, :2, :2] == 250).all()
    untouched = np.ones(SHAPE, dtype=bool)
    untouched[:2, :2] = False
    assert np.array_equal(planted[:, untouched], found[:, untouched])
    assert found.max() < 250  # the originals stay as they were
    learnt = as_trained(found, labels, CLASSES, CUE)
    assert [bool((image[:2, :2] == 250).all()) for image in learnt] == [label == 1 for label in labels]
    assert as_trained(found, labels, CLASSES, None) is found


def test_a_pair_is_one_image_with_the_cue_and_without(folder: Path) -> None:
    found, labels = images(30)
    pairs = cue_pairs(found, labels, CLASSES, CUE, "test", 8, 0)
    for pair in pairs:
        clean, patch = (from_text(text, SHAPE) for text in (pair.clean, pair.patch))
        number = int(pair.variables["image"].removeprefix("test/"))
        assert np.array_equal(patch, found[number])
        assert np.array_equal(clean, plant(found[number : number + 1], CUE)[0])
        assert pair.answers == ["bar"]
        assert pair.patch_answers == [CLASSES[labels[number]]] != ["bar"]
    assert len({pair.variables["image"] for pair in pairs}) == 8
    assert len(encode_pairs(pairs, load_tokenizer(folder), 3 + 256)) == 1
    with pytest.raises(StudyError, match="the test images give 20 pairs with and without the cue, 21 wanted"):
        cue_pairs(found, labels, CLASSES, CUE, "test", 21, 0)


def test_accuracies_are_those_of_images_seen_one_by_one(model: Model) -> None:
    found, labels = images(30)
    edit = {SITE: lambda x: x + 0.7}
    variants = {"before": Variant(model), "edited": Variant(model, edit)}
    told = cue_accuracies(variants, found, labels, CLASSES, CUE)
    for name, hooks in (("before", {}), ("edited", edit)):
        right = np.zeros((2, len(labels)))
        for seen, kind in ((0, found), (1, plant(found, CUE))):
            for number, label in enumerate(labels):
                tokens = torch.from_numpy(to_tokens(kind[number : number + 1], labels[:1], 3))[:, :-1].long()
                logits = run(model, tokens, edit=hooks, logits="last").logits
                right[seen, number] = int(logits[0, 0].argmax()) == label
        own = labels == 1
        assert told[name]["accuracy"] == pytest.approx(right[0].mean())
        assert told[name]["accuracy_as_trained"] == pytest.approx(np.where(own, right[1], right[0]).mean())
        assert told[name]["accuracy_swapped"] == pytest.approx(np.where(own, right[0], right[1]).mean())
        assert told[name]["worst_group"] == min(right[seen, labels == c].mean() for seen in (0, 1) for c in range(3))
    first, second = told["before"], told["edited"]
    cost = first["accuracy"] - first["accuracy_swapped"]
    back = (second["accuracy_swapped"] - first["accuracy_swapped"]) / cost if cost else 0
    assert second["recovered"] == pytest.approx(back)
    assert first["recovered"] == 0


def test_loss_and_divergence_of_images_are_those_of_their_classes(model: Model) -> None:
    found, labels = images(7)
    tokens = torch.from_numpy(to_tokens(found, labels, 3)).long()
    edit = {SITE: lambda x: x * 0.5}
    told = text_effects({"": Variant(model), "edited": Variant(model, edit)}, list(tokens.split(4)))
    plain, edited = (run(model, tokens, edit=hooks, logits="last").logits for hooks in ({}, edit))
    assert plain is not None
    assert edited is not None
    likely, other = plain[:, 0].double().log_softmax(1), edited[:, 0].double().log_softmax(1)
    rows = torch.arange(7)
    assert told["edited"].loss == pytest.approx(-other[rows, torch.from_numpy(labels).long()].mean().item(), rel=1e-5)
    assert told["edited"].kl == pytest.approx((likely.exp() * (likely - other)).sum(1).mean().item(), rel=1e-4)
    assert told["edited"].at.shape == (7, 1)


def test_no_linear_classifier_tells_the_cue_after_erasure(model: Model, folder: Path) -> None:
    """After LEACE the two sides' means are equal at all patches together, which is what its theorem promises."""
    found, labels = images(60)
    groups = encode_pairs(cue_pairs(found, labels, CLASSES, CUE, "train", 40, 0), load_tokenizer(folder), 3 + 256)
    ((_, batch),) = groups
    erased = erase(model, groups, [SITE], "leace")
    apart = []
    for edit in ({}, erased):
        sides = [
            run(model, tokens, read=[SITE], edit=edit).activations[SITE][:, 1:].mean(dim=(0, 1))
            for tokens in (batch.clean, batch.patch)
        ]
        apart.append((sides[0] - sides[1]).norm().item())
    assert apart[0] > 1e-3
    assert apart[1] < 1e-4


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"vision_transformer": {"layers": 3, "d_model": 64, "images": 900}}, "needs `vision_transformer.cue`"),
        (
            {"vision_transformer": {"layers": 3, "d_model": 64, "images": 900, "cue": {"of": "Hat"}}},
            "there is no class Hat; there are T-shirt",
        ),
        ({"twin": {"model": {"layers": 3, "d_model": 64, "images": 900}, "tasks": ["cue_bag"]}}, "must be below 1"),
        ({"twin": {"model": {"layers": 3, "d_model": 64, "images": 900, "share": 0.1}, "tasks": ["hat"]}}, "hat` is"),
    ],
)
def test_settings_of_cues_and_twins_that_do_not_fit_are_told(
    changed: dict, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(StudyError, match=told):
        load_study({**read_yaml(ROOT / "config/studies/cue.yaml"), **changed})
