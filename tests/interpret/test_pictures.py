"""What is shown and said of a vision model's features is where they are active."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.circuits.counterfactual import counterfactuals
from sparse_circuits.config.catalogue import load_datasets
from sparse_circuits.config.site import Site
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry as Entry
from sparse_circuits.figures.heat_map import as_webp, heat_map
from sparse_circuits.interpret.firing import Firing
from sparse_circuits.interpret.images import describe_on_images, image_label
from sparse_circuits.models.load import load_model, load_tokenizer
from sparse_circuits.models.pictures import save_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.models.vision_transformer import VisionTransformer
from sparse_circuits.sources.images import read_images, write_images
from sparse_circuits.tasks.classes import image_pairs
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.weight_sparse.folder import new_vision_model, save_model
from sparse_circuits.weight_sparse.images import augmented
from sparse_circuits.weight_sparse.training import train
from worlds.artefact_example import example
from worlds.checkout import ROOT
from worlds.seeded import autoencoder

SITE = Site("resid_post", 0)
CLASSES = ["dot", "bar", "ring"]
SHAPES = ["square", "bar", "cross"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images of the test study."""
    entry = load_datasets(ROOT / "config/test/datasets.yaml")["shapes"].images
    assert entry is not None
    path = tmp_path_factory.mktemp("shapes") / "images.h5"
    write_images("shapes", entry, sorted((ROOT / "tests/fixtures/shapes").iterdir()), path)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, shapes: Path) -> Path:
    """A Vision Transformer that has learnt them."""
    made = tmp_path_factory.mktemp("trained")
    entry = Entry(layers=2, d_model=32, head_dim=8, patch=4, images=16000, batch=64)
    split = read_images(shapes, "train")
    model = new_vision_model(entry, (12, 12, 1), 3, 0)
    steps = entry.images // entry.batch
    train(model, augmented(split.images, split.labels, SHAPES, entry, 0), entry, steps, torch.device("cpu"))
    save_tokenizer(SHAPES, made / "tokenizer", "shapes")
    save_model(model, "shapes", made / "tokenizer", "MIT", example(ModelLosses), [{"step": 0}], made / "model")
    return made / "model"


def test_a_heat_map_warms_the_patches_that_are_active_and_no_others() -> None:
    image = np.full((4, 6, 1), 100, np.uint8)
    colours = heat_map(image, [0, 0, 0, 0, 2.0, 1.0], (2, 3), 2.0)
    assert colours.shape == (4, 6, 3)
    assert (colours[:2] == 100).all()
    assert (colours[2:, :2] == 100).all()
    strong, weak = (colours[2, column].astype(int) for column in (2, 4))
    assert strong[0] - strong[2] > weak[0] - weak[2] > 20  # warm colours are redder than they are blue
    colour = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert np.array_equal(heat_map(colour, [0.0] * 6, (2, 3), 1.0), colour)


def test_a_picture_survives_as_webp_and_is_the_same_each_time() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(as_webp(colours))) as read:
        assert np.array_equal(np.asarray(read), colours)
    assert as_webp(colours) == as_webp(colours)


def test_a_counterfactual_is_near_its_image_and_seen_as_the_other_side(trained: Path, shapes: Path) -> None:
    """The metric that is told is that of the changed pixels themselves, and a random change as large does nothing."""
    model = load_model(trained, torch.device("cpu"))
    split = read_images(shapes, "test")
    pairs = image_pairs(split.images, split.labels, SHAPES, "square", "cross", "test", 12, 0)
    ((_, batch),) = encode_pairs(pairs, load_tokenizer(trained), model.separator_id)
    found = counterfactuals(model, batch)
    plain = run(model, batch.clean, logits="last").logits
    assert plain is not None
    torch.testing.assert_close(found.before, logit_difference(plain[:, 0], batch))
    assert (found.before > 0).all()
    assert (found.after < found.before / 2).all()
    assert (found.after < 0).double().mean() > 0.5
    change = found.changed - found.images
    assert found.changed.abs().max() <= 1
    assert change.abs().mean() < 0.3
    assert isinstance(model.network, VisionTransformer)

    def metric(seen: torch.Tensor) -> torch.Tensor:
        assert isinstance(model.network, VisionTransformer)
        embedded = model.network.embed_images(seen)
        logits = run(model, batch.clean, edit={Site("embed"): lambda _: embedded}, logits="last").logits
        return logit_difference(logits[:, 0], batch)

    torch.testing.assert_close(metric(found.changed), found.after)
    order = torch.randperm(change[0].numel(), generator=torch.Generator().manual_seed(0))
    shuffled = change.flatten(1)[:, order].view_as(change)
    assert (metric((found.images + shuffled).clamp(-1, 1)) > found.after).all()


def test_a_label_names_what_is_above_its_share() -> None:
    usual = np.full(3, 1 / 3)
    spread = np.full((3, 3), 1.0)
    assert image_label(CLASSES, np.array([0.1, 0.9, 0.0]), usual, spread) == "bar 90%"
    corner = np.zeros((3, 3))
    corner[2, 0] = 1
    assert image_label(CLASSES, np.array([0.1, 0.9, 0.0]), usual, corner) == "bar 90%; bottom (100%); left (100%)"
    assert image_label(CLASSES, usual, usual, spread) == "no class above others"


def test_a_feature_is_described_by_the_images_that_it_is_active_on(tmp_path: Path) -> None:
    save_tokenizer(CLASSES, tmp_path / "tokenizer", "shapes")
    network = new_vision_model(Entry(layers=1, d_model=16, head_dim=4, patch=2, images=8, batch=8), (4, 6, 1), 3, 0)
    save_model(
        network, "shapes", tmp_path / "tokenizer", "MIT", example(ModelLosses), [{"step": 0}], tmp_path / "model"
    )
    model = load_model(tmp_path / "model", torch.device("cpu"))
    # The second feature writes what makes a ring likelier, the first the opposite.
    ring = model.network.get_output_embeddings().weight[2]
    sae = autoencoder(16, 2)
    sae = replace(sae, W_dec=torch.stack([-ring, ring]))
    token_id = np.concatenate([np.full((6, 25), 5), [[0], [1], [2], [1], [0], [1]]], axis=1).astype(np.int32)
    values = np.zeros((2, 6, 7), np.float32)
    values[0, 1, 5], values[0, 3, 5], values[0, 5, 5] = 2.0, 3.0, 9.0  # bars, the second patch of the second row
    cached = np.arange(7) * np.ones((6, 1)) > 0
    firing = Firing(token_id, np.arange(100, 106, dtype=np.int32), cached, values, np.arange(6) == 5)
    active, silent = describe_on_images(model, SITE, sae.W_dec[:2], [0, 1], firing, (2, 3), 4)
    assert active.label == "bar 100%; middle (100%); centre (100%)"
    assert [item.image for item in active.top] == [103, 101]  # the last image is held out
    assert active.top[0].activations == [0, 0, 0, 0, 3, 0]
    assert active.active_tokens == 3
    assert active.density == pytest.approx(3 / 36, rel=1e-3)
    assert active.held_out == {"bar": 1.0, "dot": 0.0, "ring": 0.0}
    assert active.suppresses[0] == silent.promotes[0] == "ring"
    assert silent.label == "never active on the images described"
    assert "top" not in silent
