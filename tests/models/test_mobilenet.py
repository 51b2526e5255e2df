"""A convolutional network goes through the pipeline as a transformer does, layers of unlike places and channels."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Coordinates
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.config.catalogue import ModelEntry, Photographs, load_models
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.convert import convert
from sparse_circuits.models.load import Model, load_model, load_tokenizer
from sparse_circuits.models.mobilenet import DEVIATION, MEAN, MobileNet, MobileNetConfig
from sparse_circuits.models.pictures import image_tokenizer, to_tokens
from sparse_circuits.models.run import run
from sparse_circuits.sources.images import read_classes, read_images
from sparse_circuits.sources.photographs import write_photographs
from sparse_circuits.tasks.classes import image_pairs
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch, encode_pairs
from worlds.artefact_example import example
from worlds.checkout import run_script
from worlds.drawn_images import from_text

CPU = torch.device("cpu")
CLASSES = ["red", "green", "blue", "never seen"]
ENTRY = Photographs.model_validate({"shape": [16, 16, 3], "classes": CLASSES, "crops": 8})
SIZES = {"image": (16, 16, 3), "classes": 4, "stem": 4, "stages": ((1, 4, 1, 1), (2, 6, 2, 2)), "hidden_size": 12}


def spread(model: MobileNet, seed: int) -> MobileNet:
    """A model whose norms have running means and scales of their own, as a trained one's have."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * (0.5 if tensor.ndim == 1 else 0.3))
    model.load_state_dict(state)
    return model.eval()


def reference(state: dict[str, Tensor], images: Tensor, blocks: list[tuple[int, int, int]]) -> Tensor:
    """Logits of images (batch, channel, row, column) in 0 to 1, by torch's functions alone, from weights by name."""

    def norm(x: Tensor, name: str) -> Tensor:
        parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    def convolved(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = state[f"{name}.0.weight"]
        found = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)
        return norm(found, f"{name}.1").clamp(0, 6)

    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    x = convolved((images - mean) / deviation, "features.0", 2)
    for number, (factor, channels, stride) in enumerate(blocks, 1):
        name, before, first = f"features.{number}.conv", x, int(factor != 1)
        if first:
            x = convolved(x, f"{name}.0")
        x = convolved(x, f"{name}.{first}", stride, x.shape[1])
        x = norm(F.conv2d(x, state[f"{name}.{first + 1}.weight"]), f"{name}.{first + 2}")
        if stride == 1 and before.shape[1] == channels:
            x = x + before
    x = convolved(x, f"features.{len(blocks) + 1}").mean(dim=(2, 3))
    return F.linear(x, state["classifier.1.weight"], state["classifier.1.bias"])


def photograph(folder: Path, name: str, colour: int, generator: np.random.Generator) -> None:
    pixels = generator.integers(0, 90, (30, 40, 3), dtype=np.uint8)
    pixels[..., colour] += 120
    Image.fromarray(pixels).save(folder / name)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    generator = np.random.default_rng(0)
    for colour in range(3):
        photograph(folder, f"seen_{colour}.png", colour, generator)
    write_photographs("colours", ENTRY, list(folder.glob("*.png")), folder / "images.h5")
    return folder / "images.h5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fetched, folder = tmp_path_factory.mktemp("fetched"), tmp_path_factory.mktemp("model") / "colours"
    spread(MobileNet(MobileNetConfig(**SIZES)), 0).save_pretrained(fetched)
    image_tokenizer(CLASSES).save_pretrained(fetched)
    entry = {"licence": "MIT", "format": "huggingface", "num_layers": 5, "d_model": 12, "classes": CLASSES}
    source = {"kind": "file", "folder": str(fetched), "files": {"config.json": "0" * 64}}
    model = ModelEntry.model_validate({**entry, "document_separator": "<|image|>", "sources": [source]})
    convert("colours", model, fetched, folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, CPU)


@pytest.fixture(scope="module")
def batch(photographs: Path, folder: Path) -> PairBatch:
    split = read_images(photographs, "train")
    pairs = image_pairs(split.images, split.labels, CLASSES, "red", None, "train", 6, 0)
    assert pairs[0].answers == ["red"]
    assert pairs[0].patch_answers == ["green", "blue"]
    ((_, found),) = encode_pairs(pairs, load_tokenizer(folder), 4 + 256)
    return found


def test_torchvisions_weights_compute_what_they_are_for(tmp_path: Path) -> None:
    made = spread(MobileNet(MobileNetConfig(classes=4)), 1)
    torch.save(made.state_dict(), tmp_path / "weights.pth")
    given = load_models(Path("config/models.yaml"))["mobilenet-v2"]
    assert len(given.classes or []) == 1000
    entry = given.model_copy(update={"classes": CLASSES})
    convert("mobilenet", entry, tmp_path, tmp_path / "model")
    model = load_model(tmp_path / "model", CPU)
    assert sum(weight.numel() for weight in model.network.parameters()) == 3_504_872 - 996 * 1281
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    tokens = torch.from_numpy(to_tokens(images, np.zeros(2, np.uint8), 4)).long()
    seen = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    blocks = [
        (factor, channels, stride if number == 0 else 1)
        for factor, channels, count, stride in (
            *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
            *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
        )
        for number in range(count)
    ]
    logits = run(model, tokens, logits="last").logits
    torch.testing.assert_close(logits[:, 0], reference(made.state_dict(), seen, blocks), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("features.3.conv.1.1.bias"), "no weight features.3.conv.1.1.bias"),
        (lambda state: state.update({"fc.weight": torch.zeros(1)}), "unknown weight fc.weight"),
        (lambda state: state.update({"classifier.1.bias": torch.zeros(7)}), r"has shape \(7,\), expected \(4,\)"),
    ],
)
def test_other_weights_are_named(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object], told: str
) -> None:
    state = dict(MobileNet(MobileNetConfig(classes=4)).state_dict())
    change(state)
    torch.save(state, tmp_path / "weights.pth")
    entry = load_models(Path("config/models.yaml"))["mobilenet-v2"].model_copy(update={"classes": CLASSES})
    with pytest.raises(StudyError, match=told):
        convert("mobilenet", entry, tmp_path, tmp_path / "model")


def test_every_layer_is_a_site_where_a_pass_can_begin(model: Model, batch: PairBatch) -> None:
    whole = run(model, batch.clean, logits="last").logits
    sites = [Site("embed"), *(Site("resid_post", layer) for layer in range(5))]
    found = run(model, batch.clean, read=sites).activations
    for site, x in found.items():
        assert x.shape == (len(batch), model.positions(batch.clean, site), model.width(site))
        rows, columns = model.grid(site)
        assert x.shape[1] == 1 + rows * columns
        assert not x[:, 0].any()
    assert [found[site].shape[1:] for site in sites] == [(257, 3), (65, 4), (65, 4), (17, 6), (17, 6), (17, 12)]
    for site in sites[1:]:
        begun = run(model, batch.clean, start=(site, found[site]), logits="last").logits
        assert whole is not None
        assert begun is not None
        torch.testing.assert_close(begun, whole)


def test_scores_of_a_layer_that_cuts_the_network_add_up(model: Model, batch: PairBatch) -> None:
    basis = load_basis(model, [], [f"resid_post.{layer}" for layer in range(5)])
    groups = [(list(range(len(batch))), batch)]
    scores = score_nodes(
        Bench(model, groups, basis, batch_tokens=10_000), Scoring(method="integrated_gradients", steps=30)
    )
    for site, part in scores.sites.items():
        assert part.nodes.shape == (len(batch), 1, model.width(site))
        torch.testing.assert_close(part.nodes.sum(dim=(1, 2)), scores.total_effect, rtol=0.05, atol=0.02)
    whole, empty = Circuit.whole(basis), Circuit.of([], basis, errors=False)
    outcome = Bench(model, groups, basis, mean_ablation(scores.means), batch_tokens=10_000).run([whole, empty])
    logits = run(model, batch.clean, logits="last").logits
    torch.testing.assert_close(outcome.metric[0], logit_difference(logits[:, -1], batch))
    # Everything ablated is the same image for all pairs, and the same answers differ in their sign alone.
    assert outcome.metric[1].abs().std() < 1e-5
    edges = feature_edges(
        Bench(model, [(list(range(len(batch))), batch)], basis),
        scores.ranked()[:12],
        Scoring(method="integrated_gradients", steps=5),
    )
    assert edges
    with pytest.raises(StudyError, match="by_position needs sites of one number of positions"):
        score_nodes(
            Bench(model, groups, basis, batch_tokens=10_000),
            Scoring(method="integrated_gradients", steps=2, by_position=True),
        )


def test_what_a_convolution_lacks_is_said(model: Model) -> None:
    with pytest.raises(StudyError, match=r"^site heads.1: MobileNet has no attention and no MLPs"):
        load_basis(model, [], ["heads.1"])
    assert isinstance(load_basis(model, [], ["resid_post.4"])[Site("resid_post", 4)], Coordinates)


def test_crops_are_of_their_photograph_and_the_same_each_time(photographs: Path, tmp_path: Path) -> None:
    train, test = (read_images(photographs, split) for split in ("train", "test"))
    assert read_classes(photographs) == CLASSES
    for split in (train, test):
        assert split.images.shape == (24, 16, 16, 3)
        assert split.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
        assert (split.images.mean(axis=(1, 2)).argmax(axis=1) == split.labels).all()
    crops = np.concatenate([train.images, test.images])
    assert len(np.unique(crops, axis=0)) == len(crops)
    # The first test crop is the central one: torchvision's resize to 256/224 of the crop, then its middle.
    with Image.open(photographs.parent / "seen_1.png") as image:
        resized = image.resize((24, 18), Image.Resampling.BILINEAR)
    assert np.array_equal(test.images[8], np.asarray(resized)[1:17, 4:20])
    files = list(photographs.parent.glob("*.png"))
    write_photographs("colours", ENTRY, files[::-1], tmp_path / "again.h5")
    assert np.array_equal(read_images(tmp_path / "again.h5", "test").images, test.images)


@pytest.mark.parametrize(
    ("name", "mode", "told"),
    [
        ("red.png", "RGB", "red.png does not end in the number of its class"),
        ("red_9.png", "RGB", "red_9.png is of class 9; there are 4 classes"),
        ("red_0.png", "L", r"red_0.png is of mode L, colour \(RGB\) expected"),
        ("red_0.png", "", "red_0.png is no photograph"),
    ],
)
def test_a_file_that_is_no_labelled_photograph_is_named(tmp_path: Path, name: str, mode: str, told: str) -> None:
    if mode:
        Image.new(mode, (30, 30)).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(StudyError, match=f"^dataset colours: {told}"):
        write_photographs("colours", ENTRY, [tmp_path / name], tmp_path / "images.h5")


def test_channels_are_described_by_the_images_where_they_are_high(
    photographs: Path, folder: Path, model: Model, tmp_path: Path
) -> None:
    site = Site("resid_post", 4)
    nodes = [{"id": f"{site}/{index}", "site": str(site), "position": None} for index in (3, 5)]
    output = {"id": "output", "site": "output", "position": None}
    example(ScoredCircuit, task="red", nodes=[*nodes, output]).write(tmp_path / "circuit.json")
    paths = ("--model", folder, "--images", photographs, "--circuits", tmp_path / "circuit.json")
    run_script("interpret_channels.py", "--study", "t", *paths, "--sites", site, "--folder", tmp_path, "--contexts", 2)
    found = json.loads((tmp_path / f"{site}.json").read_text())
    assert found["grid"] == [4, 4]
    split = read_images(photographs, "train")
    tokens = torch.from_numpy(to_tokens(split.images, split.labels, 4)).long()
    x = run(model, tokens, read=[site]).activations[site][:, 1:]
    for node, index in zip(found["nodes"], (3, 5), strict=True):
        above = (x[..., index] - x[..., index].mean()).clamp(min=0)
        learnt = [row for row in above.amax(dim=1).argsort(descending=True).tolist() if row % 5]
        assert [top["image"] for top in node["top"]] == learnt[:2]
        np.testing.assert_allclose(node["top"][0]["activations"], above[learnt[0]], rtol=1e-3)
        # What the last layer writes goes to the classes: the weight of the map from channels to them.
        weight = model.network.get_output_embeddings().weight[:, index]
        assert node["promotes"][0] == CLASSES[int(weight.argmax())]


def test_accuracy_is_told_of_central_crops_and_of_all(photographs: Path, folder: Path, tmp_path: Path) -> None:
    paths = ("--model", folder, "--images", photographs, "--accuracy", tmp_path / "accuracy.json")
    run_script("judge_model.py", *paths, "--crops", 8)
    found = json.loads((tmp_path / "accuracy.json").read_text())
    model, test = load_model(folder, CPU), read_images(photographs, "test")
    logits = run(model, torch.from_numpy(to_tokens(test.images, test.labels, 4)).long(), logits="last").logits
    right = logits[:, 0].argmax(dim=1) == torch.from_numpy(test.labels.astype(np.int64))
    assert found["images"] == 3
    assert found["top1"] == int(right[::8].sum())
    assert found["crops_top1"] == pytest.approx(float(right.double().mean()))
    assert found["top5"] == 3


def test_the_text_of_a_photograph_is_its_pixels(photographs: Path) -> None:
    split = read_images(photographs, "test")
    (pair, *_) = image_pairs(split.images, split.labels, CLASSES, "blue", "red", "test", 2, 0)
    row = int(pair.variables["clean"].rpartition("/")[2])
    assert np.array_equal(from_text(pair.clean, (16, 16, 3)), split.images[row])
