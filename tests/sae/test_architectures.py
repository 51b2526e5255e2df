"""Every architecture: the references' losses and gradients, and a known dictionary found again."""

from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.autoencoders import Entries
from sparse_circuits.config.base import validate
from sparse_circuits.sae import sparse
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.architectures.registry import TRAINERS
from sparse_circuits.sae.train import Result, train_saes
from sparse_circuits.sae.units import Units
from worlds.checkout import ROOT

REFERENCES = load_file(ROOT / "tests/references/training.safetensors")  # made by tests/make_training_references.py
D_SAE, D_IN = REFERENCES["weights/W_enc"].shape

SETTINGS: dict[str, dict[str, Any]] = {
    "standard": {"l1": 0.3},
    "gated": {"l1": 0.3},
    "topk": {"k": 3},
    "topk_aux": {"k": 3, "aux_k": 2, "dead_after": 1},
    "batch_topk": {"k": 3},
    "matryoshka": {"k": 3, "widths": [4, 12, D_SAE]},
    "jumprelu_step": {"l0": 0.3, "bandwidth": 0.5},
    "jumprelu_tanh": {"l0": 0.3, "bandwidth": 0.5, "penalty": "tanh"},
    "jumprelu_quadratic": {"l0": 0.3, "bandwidth": 0.5, "penalty": "quadratic", "target_l0": 5.0},
    "p_anneal": {"l1": 0.1, "p_end": 0.5},
}


def _architecture(case: str) -> str:
    return case if case in TRAINERS else case.rsplit("_", 1)[0]


def _build(case: str) -> Architecture[Any]:
    settings = {"architecture": _architecture(case), "d_sae": D_SAE, **SETTINGS[case]}
    config = validate(Entries, {"saes": {case: settings}}, case).saes[case]
    trainer = TRAINERS[config.architecture](D_IN, config, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, parameter in trainer.named_parameters():
            parameter.copy_(REFERENCES[f"weights/{name}"])
    if case == "topk_aux":
        trainer.silent[-8:] = 2
        trainer.find_dead()
    if case == "p_anneal":
        trainer.get_buffer("p").fill_(0.5)
        trainer.eval()
    return trainer


@pytest.mark.parametrize("many", [0.0, 1.1], ids=["dense", "sparse"])
@pytest.mark.parametrize("case", SETTINGS)
def test_loss_and_gradients_are_those_of_the_references(
    case: str, many: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "MANY", many)
    trainer = _build(case)
    step = trainer(REFERENCES["weights/x"], progress=1.0)
    step.loss.backward()
    torch.testing.assert_close(step.loss.detach(), REFERENCES[f"{case}/loss"], rtol=1e-5, atol=1e-6)
    compared = 0
    for name, parameter in trainer.named_parameters():
        if (expected := REFERENCES.get(f"{case}/{name}")) is not None:
            found = parameter.grad
            assert found is not None
            if case == "p_anneal" and name == "W_dec":
                # The reference keeps rows at unit length instead of weighing by it: lengths have no gradient there.
                found, expected = (_across(gradient, parameter.detach()) for gradient in (found, expected))
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
            compared += 1
    assert compared >= 4


def _across(gradient: Tensor, rows: Tensor) -> Tensor:
    """The part of a gradient that does not change the rows' lengths."""
    return gradient - (gradient * rows).sum(dim=1, keepdim=True) * rows


@pytest.mark.parametrize("case", ["standard", "gated", "topk", "jumprelu_step", "p_anneal"])
def test_folding_the_units_away_keeps_the_function(case: str) -> None:
    trainer = _build(case).eval()
    mean, scale = torch.linspace(-3, 3, D_IN), 20.0
    x = REFERENCES["weights/x"]
    units = Units(mean, torch.full((D_IN,), scale, dtype=torch.float64), (D_IN,), scale)
    sae = trainer.export(units, units, {})
    residual = (mean + scale * x - sae.reconstruct(mean + scale * x)) / scale
    torch.testing.assert_close(residual, trainer(x).residual, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(D_SAE))


# More directions than dimensions, three of which make each row; twice as many features are offered.
CPU = torch.device("cpu")
DIRECTIONS, DIMENSIONS, ACTIVE = 64, 48, 3
RECOVERY: dict[str, dict[str, Any]] = {
    "standard": {"l1": 0.4},
    "gated": {"l1": 1.0},
    "topk": {"k": 3},
    "batch_topk": {"k": 3},
    "matryoshka": {"k": 3, "widths": [96, 128]},
    "jumprelu": {"l0": 1.0, "threshold": 0.1, "bandwidth": 0.3},
    "p_anneal": {"l1": 0.4, "p_end": 0.5},
}


@pytest.mark.parametrize("architecture", TRAINERS)
def test_training_recovers_a_known_dictionary(architecture: str, device: torch.device) -> None:
    generator = torch.Generator().manual_seed(8)
    truth = torch.nn.functional.normalize(torch.randn(DIRECTIONS, DIMENSIONS, generator=generator), dim=1)
    batches = []
    for _ in range(1500):
        chosen = torch.rand(256, DIRECTIONS, generator=generator).topk(ACTIVE, dim=1).indices
        weights = torch.rand(256, ACTIVE, generator=generator) + 0.5
        batches.append(50 * torch.zeros(256, DIRECTIONS).scatter(1, chosen, weights) @ truth + 10)
    rows = torch.cat(batches[:100])
    settings = {"architecture": architecture, "d_sae": 2 * DIRECTIONS, "batch": 256, "learning_rate": 3e-3}
    configs = validate(Entries, {"saes": {"one": settings | RECOVERY[architecture]}}, architecture).saes
    squared = rows.square().sum(dim=1).mean().item()
    results = train_saes(
        lambda _: batches, len(batches), Units.of([rows.mean(dim=0)], [squared]), configs, 0, device, {}
    )
    sae = results["one"].sae.to(CPU)
    assert (truth @ sae.W_dec.T).max(dim=1).values.mean() > 0.95
    # What is saved does the same by itself: few features a row explain nearly everything.
    features = sae.encode(rows)
    unexplained = (rows - sae.decode(features)).square().sum() / (rows - rows.mean(dim=0)).square().sum()
    assert unexplained < 0.05
    assert ACTIVE - 0.1 < (features > 0).sum(dim=1).float().mean() < 4 * ACTIVE


def test_autoencoders_that_train_together_are_those_that_train_alone(device: torch.device) -> None:
    generator = torch.Generator().manual_seed(5)
    batches = [torch.randn(64, DIMENSIONS, generator=generator) for _ in range(10)]
    shared = {"d_sae": 96, "batch": 64}
    entries = {
        "topk__seed1": {"architecture": "topk", "k": 4, "seed": 1, "learning_rate": 3e-3, **shared},
        "gated": {"architecture": "gated", "l1": 0.1, **shared},
        "jumps": {"architecture": "jumprelu", "l0": 0.1, **shared, "d_sae": 40},
    }
    configs = validate(Entries, {"saes": entries}, "sweep").saes

    def run(names: list[str]) -> dict[str, Result]:
        chosen = {name: configs[name] for name in names}
        return train_saes(
            lambda _: batches, 10, Units.of([torch.zeros(DIMENSIONS)], [DIMENSIONS]), chosen, 0, device, {}
        )

    together = run(list(entries))
    for name, result in together.items():
        alone = run([name])[name]
        torch.testing.assert_close(result.sae.W_enc, alone.sae.W_enc, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(result.sae.W_dec, alone.sae.W_dec, rtol=1e-4, atol=1e-5)
        assert result.sae.metadata["seed"] == (1 if name == "topk__seed1" else 0)
        assert [row["step"] for row in result.log] == [row["step"] for row in alone.log]


def test_fewer_rows_than_a_batch_leave_no_autoencoder_that_never_trained() -> None:
    configs = validate(Entries, {"saes": {"a": {"architecture": "topk", "d_sae": 96, "k": 4, "batch": 64}}}, "a").saes
    with pytest.raises(StudyError, match=r"a: the cache has not the rows of one batch of 64; lower `batch`"):
        train_saes(lambda _: [], 0, Units.of([torch.zeros(8)], [8]), configs, 0, torch.device("cpu"), {})
