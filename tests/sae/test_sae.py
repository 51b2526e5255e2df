"""Training finds what is there, is repeatable, and what is saved is what was trained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sparse_circuits.base.compute import set_up
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.autoencoders import TopK
from sparse_circuits.config.catalogue import PublishedSAE
from sparse_circuits.sae.autoencoder import load_autoencoder, save_autoencoder
from sparse_circuits.sae.formats.registry import convert_published
from sparse_circuits.sae.train import Result, train_saes
from sparse_circuits.sae.units import Units

D_IN, D_SAE, K = 32, 64, 3
CPU = torch.device("cpu")


def _dictionary() -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=torch.Generator().manual_seed(7)), dim=1)


def _batches(steps: int, batch: int) -> list[torch.Tensor]:
    """Sums of K rows of a known dictionary with positive weights, away from the origin and not of unit scale."""
    generator = torch.Generator().manual_seed(8)
    result = []
    for _ in range(steps):
        chosen = torch.rand(batch, D_SAE, generator=generator).topk(K, dim=1).indices
        weights = torch.rand(batch, K, generator=generator) + 0.5
        codes = torch.zeros(batch, D_SAE).scatter(1, chosen, weights)
        result.append(50 * codes @ _dictionary() + 10)
    return result


def _train(steps: int = 1500, batch: int = 256, learning_rate: float = 3e-3, device: torch.device = CPU) -> Result:
    batches = _batches(steps, batch)
    rows = torch.cat(batches[:100])
    config = TopK(architecture="topk", d_sae=D_SAE, k=K, epochs=2, batch=batch, learning_rate=learning_rate)
    squared = rows.square().sum(dim=1).mean().item()
    return train_saes(
        lambda start: batches[start:],
        steps,
        Units.of([rows.mean(dim=0)], [squared]),
        {"topk": config},
        0,
        device,
        {"hook_name": "resid_post.0"},
    )["topk"]


def test_the_same_seed_gives_the_same_weights(device: torch.device) -> None:
    set_up(1)
    first, second = _train(30, device=device), _train(30, device=device)
    assert torch.equal(first.sae.W_enc, second.sae.W_enc)
    assert torch.equal(first.sae.W_dec, second.sae.W_dec)
    assert first.log == second.log


def test_a_saved_autoencoder_loads_as_the_same_function(tmp_path: Path) -> None:
    trained = _train(20)
    save_autoencoder(tmp_path, trained.sae, trained.firing_share)
    loaded = load_autoencoder(tmp_path, "resid_post.0", D_IN)
    x = _batches(1, 64)[0]
    assert torch.equal(loaded.decode(loaded.encode(x)), trained.sae.decode(trained.sae.encode(x)))


def test_an_autoencoder_of_another_site_or_width_is_refused(tmp_path: Path) -> None:
    trained = _train(5)
    save_autoencoder(tmp_path, trained.sae, trained.firing_share)
    with pytest.raises(StudyError, match=r"cfg.json: trained on resid_post.0, asked to serve resid_post.1"):
        load_autoencoder(tmp_path, "resid_post.1", D_IN)
    with pytest.raises(StudyError, match=r"d_in is 32, the model's activations at resid_post.0 have width 576"):
        load_autoencoder(tmp_path, "resid_post.0", 576)


def test_divergence_stops_with_step_and_loss() -> None:
    with pytest.raises(StudyError, match=r"topk: training diverged at step \d+: loss"):
        _train(200, learning_rate=1e30)


def test_gemma_scope_weights_become_the_same_jumprelu(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shapes = {"W_enc": (8, 20), "b_enc": (20,), "W_dec": (20, 8), "b_dec": (8,), "threshold": (20,)}
    arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    arrays["threshold"] = np.abs(arrays["threshold"])
    np.savez(tmp_path / "params.npz", **arrays)
    source = {"kind": "url", "url": "https://example.org/params.npz", "sha256": "0" * 64}
    entry = PublishedSAE.model_validate({"licence": "CC-BY-4.0", "format": "gemma_scope", "sources": [source]})
    convert_published(entry, [tmp_path / "params.npz"], "gemma", "resid_post.3", tmp_path / "out")
    sae = load_autoencoder(tmp_path / "out", "resid_post.3", 8)
    x = generator.standard_normal((30, 8)).astype(np.float32)
    pre = x @ arrays["W_enc"] + arrays["b_enc"]
    expected = np.where(pre > arrays["threshold"], pre, 0) @ arrays["W_dec"] + arrays["b_dec"]
    np.testing.assert_allclose(sae.decode(sae.encode(torch.from_numpy(x))).numpy(), expected, atol=1e-5)
