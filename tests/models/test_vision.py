"""Images go through the pipeline as prompts do: told apart, edited at sites, paired, and cached by patch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.activations.sequences import read_sequences, write_image_sequences
from sparse_circuits.activations.shard import read_origins
from sparse_circuits.artefacts.model_losses import ModelLosses
from sparse_circuits.base.checkpoint import Checkpoint
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry as Entry
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.models.load import Model, load_model, load_tokenizer
from sparse_circuits.models.pictures import save_tokenizer, to_text, to_tokens
from sparse_circuits.models.run import cross_entropy, run
from sparse_circuits.models.vision_transformer import VisionTransformer, to_patches
from sparse_circuits.sources.images import read_images
from sparse_circuits.studies.load import load_study
from sparse_circuits.tasks.classes import image_pairs
from sparse_circuits.tasks.controls import nonsense_words
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch, encode_pairs
from sparse_circuits.weight_sparse.choices import Masking
from sparse_circuits.weight_sparse.folder import new_vision_model, save_model
from sparse_circuits.weight_sparse.images import accuracy, augmented
from sparse_circuits.weight_sparse.training import train
from worlds.artefact_example import example
from worlds.caches import read_shard_rows
from worlds.checkout import ROOT
from worlds.drawn_images import CLASSES, SHAPE, drawn, entry, from_text, idx, published
from worlds.seeded import generator

ENTRY = Entry(layers=2, d_model=8, head_dim=4, patch=2, images=64, batch=8)
CPU = torch.device("cpu")
PIXELS = 24
POSITIONS = 1 + 2 * 3


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = [idx(part) for seed, count in ((0, 48), (1, 24)) for part in drawn(count, seed)]
    contents = dict(zip("abcd", parts, strict=True))
    return published(tmp_path_factory.mktemp("shapes"), entry(**contents), contents)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    save_tokenizer(CLASSES, made / "tokenizer", "shapes")
    model = new_vision_model(ENTRY, SHAPE, len(CLASSES), 0)
    save_model(model, "shapes", made / "tokenizer", "MIT", example(ModelLosses), [{"step": 0}], made / "model")
    return made / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, CPU)


def pairs_of(images: Path, folder: Path, against: str | None, count: int = 6) -> PairBatch:
    split = read_images(images, "test")
    pairs = image_pairs(split.images, split.labels, CLASSES, "bar", against, "test", count, 0)
    ((_, batch),) = encode_pairs(pairs, load_tokenizer(folder), 3 + 256)
    return batch


@pytest.mark.parametrize("channels", [1, 3])
def test_patches_are_cut_and_put_together_again(channels: int) -> None:
    image = torch.arange(2 * 4 * 6 * channels).view(2, 4, 6, channels)
    patches = to_patches(image, 2)
    assert patches.shape == (2, 6, 4 * channels)
    again = patches.view(2, 2, 3, 2, 2, channels).transpose(2, 3).reshape(2, 4, 6, channels)
    assert torch.equal(again, image)
    assert torch.equal(patches[1, 4].view(2, 2, channels), image[1, 2:4, 2:4])  # second row of patches, second of three


def test_a_pixel_changes_its_own_patch_alone(model: Model) -> None:
    tokens = torch.from_numpy(to_tokens(*shaped(drawn(1)), len(CLASSES))).long()
    other = tokens.clone()
    other[0, 1 + 2 * 6 + 3] = 3 + 200  # row 2, column 3: the second patch of the second row
    embeds = [run(model, part, read=[Site("embed")]).activations[Site("embed")] for part in (tokens, other)]
    assert (embeds[0] != embeds[1]).any(dim=2).nonzero().tolist() == [[0, 5]]


def shaped(part: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return part[0][..., None], part[1]


def test_sites_are_where_the_model_reads_and_writes(model: Model) -> None:
    tokens = torch.from_numpy(to_tokens(*shaped(drawn(3)), len(CLASSES))).long()
    kinds = ("attn_out", "mlp_out", "resid_post")
    sites = [Site("embed"), *(Site(kind, layer) for layer in (0, 1) for kind in kinds)]
    got = run(model, tokens, read=sites, logits="last")
    assert got.activations[Site("embed")].shape == (3, POSITIONS, 8)
    before = got.activations[Site("embed")]
    for layer in (0, 1):
        added = got.activations[Site("attn_out", layer)] + got.activations[Site("mlp_out", layer)]
        torch.testing.assert_close(before + added, got.activations[Site("resid_post", layer)])
        before = got.activations[Site("resid_post", layer)]
    assert isinstance(model.network, VisionTransformer)
    torch.testing.assert_close(got.logits, model.network.unembed(before, tokens))
    assert torch.equal(got.logits, model.network(tokens[:, :-1]).logits)  # the class is not looked at
    last = {Site("resid_post", 1): lambda x: torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:]], dim=1)}
    assert torch.equal(run(model, tokens, edit=last, logits="last").logits, got.logits)  # nor the register's end
    nothing = {Site("resid_post", 1): torch.zeros_like}
    assert run(model, tokens, edit=nothing, logits="last").logits.abs().max() == 0
    start = run(model, tokens, start=(Site("resid_post", 0), got.activations[Site("resid_post", 0)]), logits="last")
    torch.testing.assert_close(start.logits, got.logits)


def test_the_loss_of_an_image_is_that_of_its_class(model: Model) -> None:
    tokens = torch.from_numpy(to_tokens(*shaped(drawn(3)), len(CLASSES))).long()
    logits = run(model, tokens, logits="last").logits
    loss = -logits[:, 0].log_softmax(dim=1)[torch.arange(3), torch.tensor([0, 1, 2])]
    torch.testing.assert_close(cross_entropy(logits, tokens), loss.unsqueeze(1))


def test_an_image_of_another_size_is_refused_in_one_line(model: Model) -> None:
    with pytest.raises(StudyError, match=r"grey images of 4 x 6, 24 values, and this one has 20$"):
        run(model, torch.full((1, 21), 5), logits="last")
    with pytest.raises(StudyError, match=r"and this one has 72: it is in colour$"):
        run(model, torch.full((1, 73), 5), logits="last")
    with pytest.raises(StudyError, match="no pixel"):
        run(model, torch.full((1, 25), 2), logits="last")


def test_a_saved_model_computes_the_same(model: Model) -> None:
    tokens = torch.from_numpy(to_tokens(*shaped(drawn(3)), len(CLASSES))).long()
    fresh = new_vision_model(ENTRY, SHAPE, len(CLASSES), 0).eval()
    assert torch.equal(fresh(tokens).logits, model.network(tokens).logits)


def test_an_image_is_a_text_that_the_tokenizer_reads(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    image = np.arange(0, 240, 10, dtype=np.uint8).reshape(SHAPE)
    tokens = to_tokens(image[None], np.array([2], np.uint8), len(CLASSES))[0].tolist()
    assert [259, *tokenizer.encode(to_text(image), add_special_tokens=False), 2] == tokens
    assert np.array_equal(from_text(to_text(image), SHAPE), image)
    assert [tokenizer.encode(name, add_special_tokens=False) for name in CLASSES] == [[0], [1], [2]]
    assert tokenizer.encode("ring", add_special_tokens=False) == []


@pytest.mark.parametrize("against", [None, "long bar"])
def test_pairs_are_images_of_different_classes(images: Path, folder: Path, against: str | None) -> None:
    split = read_images(images, "test")
    pairs = image_pairs(split.images, split.labels, CLASSES, "bar", against, "test", 6, 0)
    names = [pair.variables[side] for pair in pairs for side in ("clean", "patch")]
    assert len(set(names)) == len(names)
    for pair in pairs:
        labels = [split.labels[int(pair.variables[side].removeprefix("test/"))] for side in ("clean", "patch")]
        assert [CLASSES[label] for label in labels] == [pair.variables["class"], pair.variables["other"]]
        assert np.array_equal(from_text(pair.clean, SHAPE), split.images[int(pair.variables["clean"][5:])])
        assert pair.variables["class"] in pair.answers
        assert pair.variables["other"] in pair.patch_answers
    if against:
        assert [pair.answers for pair in pairs] == [["bar"], ["long bar"]] * 3
    else:
        assert [pair.answers for pair in pairs] == [["bar"], ["dot", "long bar"]] * 3
        assert [pair.variables["other"] for pair in pairs] == ["dot", "bar", "long bar", "bar", "dot", "bar"]
    words = nonsense_words(pairs, load_tokenizer(folder), 0)
    assert len(set(words.values())) == len(words)
    assert all(word != answer and word in CLASSES for answer, word in words.items())


def test_too_few_images_and_unknown_classes_are_told(images: Path) -> None:
    split = read_images(images, "test")
    with pytest.raises(StudyError, match="test images give 8 pairs of bar against dot, 9 wanted"):
        image_pairs(split.images, split.labels, CLASSES, "bar", "dot", "test", 9, 0)
    with pytest.raises(StudyError, match="no class 'ring'; there are dot, bar, long bar"):
        image_pairs(split.images, split.labels, CLASSES, "bar", "ring", "test", 1, 0)


def test_a_cache_of_patches_says_which_image_and_place(images: Path, folder: Path, tmp_path: Path) -> None:
    model = load_model(folder, CPU)
    path, site = tmp_path / "sequences.h5", Site("resid_post", 0)
    write_image_sequences(images, folder, 10, 4, 0, path)
    sequences = read_sequences(path, "train")
    rows = cache_shard(model, sequences, [site], 4, "float32", 0, tmp_path / "shard-00000.h5")
    assert rows == 10 * (POSITIONS - 1)
    build_manifest(tmp_path, path, [tmp_path / "shard-00000.h5"])
    origins = read_origins(tmp_path / "shard-00000.h5")
    stored = read_shard_rows(tmp_path / "shard-00000.h5", str(site), 0, rows)
    tokens = torch.from_numpy(sequences.token_id).long()
    expected = run(model, tokens, read=[site]).activations[site]
    torch.testing.assert_close(stored, expected[origins.sequence, origins.position])
    split = read_images(images, "train")
    assert np.array_equal(origins.token_id, split.labels[origins.document])  # an image's class, at all of its patches
    held_out = read_sequences(path, "held_out").document
    assert held_out.min() >= 48  # test images


def test_scores_of_a_cut_add_up_and_edges_reach_the_next_layer(images: Path, folder: Path) -> None:
    model = load_model(folder, CPU)
    sites = [Site("resid_post", 0), Site("resid_post", 1)]
    basis = {site: Coordinates(8) for site in sites}
    batch = pairs_of(images, folder, None)
    groups = [(list(range(len(batch))), batch)]
    scores = score_nodes(
        Bench(model, groups, basis, batch_tokens=4096), Scoring(method="integrated_gradients", steps=20)
    )
    for site in sites:
        torch.testing.assert_close(scores.sites[site].nodes.sum(dim=(1, 2)), scores.total_effect, rtol=2e-3, atol=2e-4)
    ablation = mean_ablation(scores.means)
    whole, empty = Circuit.whole(basis), Circuit.of([], basis)
    found = Bench(model, groups, basis, ablation, batch_tokens=64).run([whole, empty, whole]).metric
    plain = run(model, batch.clean, logits="last").logits
    assert plain is not None
    torch.testing.assert_close(found[0], logit_difference(plain[:, 0], batch))
    assert found[1].abs().std() < 1e-5  # at the means of every patch all images are alike
    nodes = [Node(site, index) for site in sites for index in range(8)]
    edges = feature_edges(
        Bench(model, [(list(range(len(batch))), batch)], basis), nodes, Scoring(method="integrated_gradients", steps=5)
    )
    assert any(weight for *_, weight in edges)
    # Nothing that comes before a target is left out: edges into a node add up to its own score, to first order.
    assert {source.split("/")[0] for source, _, _ in edges} == {"resid_post.0"}


def test_training_learns_what_the_images_show_and_keeps_its_zeros(images: Path) -> None:
    split, test = (read_images(images, name) for name in ("train", "test"))
    sparse = ENTRY.model_copy(update={"share": 0.5, "active": 0.5, "d_model": 16})
    tokens = torch.from_numpy(to_tokens(test.images, test.labels, len(CLASSES))).long()
    for made, least in ((ENTRY, 0.9), (sparse, 0.6)):
        model = new_vision_model(made, SHAPE, len(CLASSES), 0)
        batches = augmented(split.images, split.labels, CLASSES, made, 0)
        train(model, batches, made, 120, CPU)
        assert accuracy(model, tokens) >= least
    weight = model.transformer.get_submodule("h.0.mlp.c_fc").weight
    assert isinstance(weight, torch.Tensor)
    assert (weight != 0).double().mean() < 0.6


def test_batches_are_those_of_their_step_and_move_as_told(images: Path) -> None:
    split = read_images(images, "train")
    moved = ENTRY.model_copy(update={"shift": 1, "flip": True})
    assert torch.equal(*(augmented(split.images, split.labels, CLASSES, moved, 0)(7) for _ in range(2)))
    plain = augmented(split.images, split.labels, CLASSES, ENTRY, 0)
    seen = torch.cat([plain(step) for step in range(48 // 8)])
    whole = torch.from_numpy(to_tokens(split.images, split.labels, 3)).long()
    assert sorted(map(tuple, seen.tolist())) == sorted(map(tuple, whole.tolist()))  # each image once a round
    assert not torch.equal(plain(0), plain(6))
    # The pixels of a moved image are those of numpy's roll.
    draw = np.random.default_rng([0, 1, 7])
    moves, flips = draw.integers(-1, 1, (8, 2), endpoint=True), draw.random(8) < 0.5
    order = np.random.default_rng([0, 1]).permutation(48)[8:16]
    rolled = [
        np.roll(image[:, ::-1] if flipped else image, move, axis=(0, 1))
        for image, move, flipped in zip(split.images[order], moves, flips, strict=True)
    ]
    expected = torch.from_numpy(to_tokens(np.stack(rolled), split.labels[order], 3)).long()
    assert torch.equal(augmented(split.images, split.labels, CLASSES, moved, 0)(7), expected)


def test_stopped_training_on_images_goes_on_and_ends_in_the_same_bytes(images: Path, tmp_path: Path) -> None:
    split = read_images(images, "train")
    entry = ENTRY.model_copy(update={"share": 0.2, "shift": 1})
    batches = augmented(split.images, split.labels, CLASSES, entry, 0)

    class Killed(Exception):
        pass

    def killing(step: int) -> torch.Tensor:
        if step == 10:
            raise Killed
        return batches(step)

    def trained(given: Callable[[int], torch.Tensor], state: Checkpoint | None) -> torch.nn.Module:
        model = new_vision_model(entry, SHAPE, len(CLASSES), 0)
        train(model, given, entry, 20, CPU, state)
        return model

    whole, state = trained(batches, None), Checkpoint(tmp_path / "state.safetensors", "spec", minutes=0)
    with pytest.raises(Killed):
        trained(killing, state)
    resumed = trained(batches, state)
    for (name, one), (_, other) in zip(whole.named_parameters(), resumed.named_parameters(), strict=True):
        assert torch.equal(one, other), name


VIT = {"layers": 3, "d_model": 64, "images": 1000, "patch": 4}


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.0])
@pytest.mark.parametrize("active", [None, 0.5])
def test_a_circuit_of_images_is_judged_by_its_compact_model_as_by_the_masked_one(
    share: float, active: float | None
) -> None:
    model = new_vision_model(ENTRY.model_copy(update={"active": active}), SHAPE, len(CLASSES), 0)
    images, labels = drawn(24)
    tokens = torch.from_numpy(to_tokens(images[..., None], labels, len(CLASSES))).long()
    answers = torch.zeros(8, 1).long()
    batch = PairBatch(tokens[0:24:3, :-1], tokens[1:24:3, :-1], answers, answers + 1)
    masking = Masking.by_means(model, tokens)
    gates = (torch.rand(masking.index.count, generator=generator()) < share).float()
    found, expected = masking.choices([([*range(8)], batch)], gates), masking.choose(batch, gates)
    torch.testing.assert_close(found.differences, expected.differences, rtol=0, atol=1e-5)
    assert torch.equal(found.sides, expected.sides)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"vision_transformer": {**VIT, "patch": 5}},
            "`vision_transformer.patch`: images of 28 x 28 cannot be cut into",
        ),
        ({"vision_transformer": {**VIT, "head_dim": 48}}, "64 is no multiple of head_dim 48"),
        ({"vision_transformer": {**VIT, "images": 9}}, "9 images are less than one batch of 128"),
        (
            {"vision_transformer": {**VIT, "cue": {"of": "Hat"}}},
            "`vision_transformer.cue.of`: there is no class Hat; there are T-shirt",
        ),
        ({"vision_transformer": {**VIT, "cue": {"of": "Bag", "size": 40}}}, "40 is more than images of 28 x 28 have"),
        (
            {"twin": {"model": {**VIT, "share": 0.1, "patch": 5}, "tasks": ["bag"]}},
            "`twin.model.patch`: images of 28 x 28 cannot be cut into",
        ),
        (
            {"twin": {"model": {**VIT, "share": 0.1}, "dense": {**VIT, "share": 0.5}, "tasks": ["bag"]}},
            "`twin.dense.share` must be 1",
        ),
        (
            {"twin": None, "tasks": {"sneaker_or_boot": {"kind": "classes", "of": "Hat"}}},
            "fashion-mnist has no class Hat; it has",
        ),
        ({"vision_transformer": None}, "a corpus of images needs `vision_transformer`"),
    ],
)
def test_settings_that_do_not_fit_the_images_are_told(
    changed: dict, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(StudyError, match=told):
        load_study({**read_yaml(ROOT / "config/studies/vision.yaml"), **changed})
