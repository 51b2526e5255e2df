"""Image classifiers of the Hugging Face hub go through the same adapter: tiny ones with random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import write_json
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.dictionaries import load_basis
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.circuits.fills import mean_ablation
from sparse_circuits.config.catalogue import ModelEntry
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.convert import convert
from sparse_circuits.models.load import Model, load_model, load_tokenizer, site_widths
from sparse_circuits.models.pictures import to_text, to_tokens
from sparse_circuits.models.run import promoted_tokens, run
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import PairBatch
from worlds.networks import clip, dinov2, vit

CPU = torch.device("cpu")
CLASSES = ["square", "bar", "cross"]
ENTRY = {
    **{"licence": "MIT", "format": "huggingface", "num_layers": 2, "d_model": 16, "document_separator": "<|image|>"},
    "sources": [{"kind": "file", "folder": ".", "files": {"config.json": "0" * 64}}],
}
PIXELS = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.25]}


@pytest.fixture(scope="module", params=[vit, dinov2, clip])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[PreTrainedModel, Path]:
    torch.manual_seed(0)
    model, fetched = request.param().eval(), tmp_path_factory.mktemp("fetched")
    with torch.no_grad():
        # Random where they begin at zero or one, so that nothing passes for lack of a part.
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    model.save_pretrained(fetched)
    write_json(fetched / "preprocessor_config.json", PIXELS)
    folder = tmp_path_factory.mktemp("model") / "shapes"
    convert("shapes", ModelEntry.model_validate({**ENTRY, "classes": CLASSES}), fetched, folder)
    return model, folder


@pytest.fixture(scope="module")
def model(made: tuple[PreTrainedModel, Path]) -> Model:
    return load_model(made[1], CPU)


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def tokens_of(seen: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(to_tokens(seen, np.zeros(len(seen), np.uint8), 3)).long()[:, :-1]


@pytest.fixture(scope="module")
def batch() -> PairBatch:
    answers = torch.tensor([[0], [1], [2], [0]])
    return PairBatch(tokens_of(images(4, 1)), tokens_of(images(4, 2)), answers, (answers + 1) % 3)


def test_logits_are_those_of_transformers(made: tuple[PreTrainedModel, Path], model: Model) -> None:
    network, folder = made
    seen = images(3, 0)
    pixels = torch.from_numpy(seen).permute(0, 3, 1, 2) / 255
    mean, deviation = (torch.tensor(PIXELS[key]).view(1, 3, 1, 1) for key in ("image_mean", "image_std"))
    with torch.no_grad():
        expected = network(pixel_values=(pixels - mean) / deviation).logits
    logits = run(model, tokens_of(seen), logits="last").logits
    torch.testing.assert_close(logits[:, 0], expected)
    tokenizer = load_tokenizer(folder)
    text = [model.separator_id, *tokenizer.encode(to_text(seen[0]), add_special_tokens=False)]
    assert text == tokens_of(seen)[0].tolist()
    assert tokenizer.encode("bar", add_special_tokens=False) == [1]


def test_sites_are_read_changed_and_begun_at(
    made: tuple[PreTrainedModel, Path], model: Model, batch: PairBatch
) -> None:
    """Position 0 is empty, 1 the class token; the parts of a layer add up to what it adds to the residual stream."""
    kinds = ("heads", "attn_out", "mlp_in", "mlp_neurons", "mlp_out", "resid_post")
    sites = [Site("embed"), *(Site(kind, layer) for layer in range(2) for kind in kinds)]
    widths = site_widths(made[1], sites)
    whole = run(model, batch.clean, read=sites, logits="last")
    found = whole.activations
    for site, x in found.items():
        assert x.shape == (4, 1 + 1 + 4, 32 if site.kind == "mlp_neurons" else 16)
        assert model.width(site) == widths[site] == x.shape[2]
        assert model.positions(batch.clean, site) == 6
        assert not x[:, 0].any()
    before = found[Site("embed")]
    for layer in range(2):
        after = before + found[Site("attn_out", layer)] + found[Site("mlp_out", layer)]
        before = found[Site("resid_post", layer)]
        torch.testing.assert_close(before, after)
        begun = run(model, batch.clean, start=(Site("resid_post", layer), before), logits="last").logits
        assert begun is not None
        torch.testing.assert_close(begun, whole.logits)

    def token_alone(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x[:, :1], 2 * x[:, 1:2], x[:, 2:]], dim=1)

    changed = run(model, batch.clean, edit={Site("resid_post", 0): token_alone}, read=[Site("resid_post", 0)])
    torch.testing.assert_close(changed.activations[Site("resid_post", 0)][:, 1], 2 * found[Site("resid_post", 0)][:, 1])


@pytest.mark.parametrize("method", ["integrated_gradients", "relp"])
def test_circuits_are_found_as_in_any_model(model: Model, batch: PairBatch, method: str) -> None:
    basis = load_basis(model, [], ["resid_post.0", "resid_post.1"])
    groups = [(list(range(4)), batch)]
    scores = score_nodes(Bench(model, groups, basis, batch_tokens=10_000), Scoring.of(method, 20))
    if method == "integrated_gradients":
        for part in scores.sites.values():
            torch.testing.assert_close(part.nodes.sum(dim=(1, 2)), scores.total_effect, rtol=0.02, atol=0.02)
    whole, empty = Circuit.whole(basis), Circuit.of([], basis, errors=False)
    outcome = Bench(model, groups, basis, mean_ablation(scores.means), batch_tokens=10_000).run([whole, empty])
    logits = run(model, batch.clean, logits="last").logits
    torch.testing.assert_close(outcome.metric[0], logit_difference(logits[:, -1], batch))
    # The class token is ablated too, so nothing is left of an image: two pairs of the same answers get the same.
    assert outcome.metric[0, 0] != outcome.metric[0, 3]
    torch.testing.assert_close(outcome.metric[1, 0], outcome.metric[1, 3])
    edges = feature_edges(
        Bench(model, [(list(range(len(batch))), batch)], basis), scores.ranked()[:10], Scoring.of(method, 5)
    )
    assert any(source.startswith("resid_post.0") and target.startswith("resid_post.1") for source, target, _ in edges)


def test_promoted_classes_are_those_of_the_last_layers_direct_path(model: Model) -> None:
    directions = torch.eye(16)[:3]
    promoted, suppressed = promoted_tokens(model, directions, 8)
    assert promoted.shape == suppressed.shape == (3, 3)
    assert (promoted == suppressed.flip(1)).all()


def test_classes_that_the_model_does_not_have_are_told(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path / "fetched")
    entry: dict[str, Any] = {**ENTRY, "classes": ["square", "bar"]}
    with pytest.raises(StudyError, match="2 classes are named, the model has 3"):
        convert("shapes", ModelEntry.model_validate(entry), tmp_path / "fetched", tmp_path / "model")
