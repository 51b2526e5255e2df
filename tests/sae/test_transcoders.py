"""Transcoders, crosscoders, cross-layer transcoders: known maps found again, gradients, folding, files, the model."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.autoencoders import Entries, Trained
from sparse_circuits.config.base import validate
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.sae.architectures.base import Architecture
from sparse_circuits.sae.architectures.cross_layer import CrossLayer
from sparse_circuits.sae.architectures.registry import build_trainer
from sparse_circuits.sae.coder import load_coder, save_coder
from sparse_circuits.sae.cross_layer import CrossLayerTranscoder
from sparse_circuits.sae.evaluate import evaluate_coder
from sparse_circuits.sae.sparse import Pairs, PreActivations
from sparse_circuits.sae.train import train_saes
from sparse_circuits.sae.units import Units

CPU = torch.device("cpu")
FEATURES, WIDTH, ACTIVE = 48, 40, 3
ROWS = 256 * 700  # of training
KINDS = ["transcoder", "skip_transcoder", "crosscoder", "cross_layer_transcoder"]
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "topk": {"k": ACTIVE},
    "batch_topk": {"k": ACTIVE},
    "standard": {"l1": 0.3},
    "jumprelu": {"l0": 0.5, "threshold": 0.1, "bandwidth": 0.3},
    "gated": {"l1": 1.0},
}


def _config(kind: str, architecture: str = "topk", **settings: Any) -> Trained:
    entry = {"architecture": architecture, "kind": kind, "d_sae": 2 * FEATURES, "batch": 256, "learning_rate": 3e-3}
    return validate(Entries, {"saes": {"one": entry | ARCHITECTURES[architecture] | settings}}, kind).saes["one"]


def _directions(generator: torch.Generator, count: int = FEATURES, width: int = WIDTH) -> Tensor:
    return nn.functional.normalize(torch.randn(count, width, generator=generator), dim=1)


def _codes(generator: torch.Generator, rows: int) -> Tensor:
    chosen = torch.rand(rows, FEATURES, generator=generator).topk(ACTIVE, dim=1).indices
    return torch.zeros(rows, FEATURES).scatter(1, chosen, torch.rand(rows, ACTIVE, generator=generator) + 0.5)


def _train(kind: str, x: list[Tensor], y: list[Tensor], **settings: Any) -> Any:
    """Train on activations of sites read, x, and written, y: each (row, width)."""
    units = [
        Units.of([site.mean(dim=0) for site in sites], [site.square().sum(dim=1).mean().item() for site in sites])
        for sites in (x, y)
    ]
    reads, writes = torch.cat(x, dim=1), torch.cat(y, dim=1)
    together = kind == "crosscoder"
    batches = list(reads.split(256)) if together else list(zip(reads.split(256), writes.split(256), strict=True))
    config = _config(kind, **settings)
    found = train_saes(
        lambda _: batches, len(batches), units[0], {"one": config}, 0, CPU, {}, None, None if together else units[1]
    )
    return found["one"].sae, reads, writes


def _unexplained(y: Tensor, prediction: Tensor) -> float:
    return ((y - prediction).square().sum() / (y - y.mean(dim=0)).square().sum()).item()


def _found(truth: Tensor, decoder: Tensor) -> float:
    """The mean over known directions of the largest cosine with a row of a decoder."""
    return (nn.functional.normalize(truth, dim=1) @ nn.functional.normalize(decoder, dim=1).T).amax(dim=1).mean().item()


def test_a_transcoder_recovers_what_each_feature_writes() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, read, written = _codes(generator, ROWS), _directions(generator), _directions(generator, width=24)
    sae, x, y = _train("transcoder", [30 * codes @ read + 5], [2 * codes @ written - 1])
    assert _found(written, sae.W_dec) > 0.95
    assert _unexplained(y, sae.reconstruct(x)) < 0.1, "not 0: reading 48 features off 40 dimensions they interfere"


def test_a_skip_transcoder_leaves_the_linear_part_to_its_skip() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, read, written = _codes(generator, ROWS // 4), _directions(generator), _directions(generator)
    x = 30 * codes @ read + 3 * torch.randn(len(codes), WIDTH, generator=generator)
    y = x @ torch.randn(WIDTH, WIDTH, generator=generator) / 4 + 20 * codes @ written
    sae, _, _ = _train("skip_transcoder", [x], [y])
    plain, _, _ = _train("transcoder", [x], [y])
    assert _unexplained(y, sae.reconstruct(x)) < 0.5 * _unexplained(y, plain.reconstruct(x))


def test_a_crosscoder_recovers_what_features_write_to_each_site() -> None:
    generator = torch.Generator().manual_seed(0)
    codes, first, second = _codes(generator, ROWS), _directions(generator), _directions(generator, width=24)
    sites = [50 * codes @ first + 10, 2 * codes @ second]
    sae, x, _ = _train("crosscoder", sites, sites)
    assert _found(first, sae.W_dec[:, :WIDTH]) > 0.95
    assert _found(second, sae.W_dec[:, WIDTH:]) > 0.95
    assert (
        max(_unexplained(a, b) for a, b in zip(sites, sae.reconstruct(x).split([WIDTH, 24], dim=1), strict=True)) < 0.05
    )


def test_a_cross_layer_transcoder_recovers_what_features_write_to_later_layers() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = [_codes(generator, ROWS) for _ in range(2)]
    x = [20 * code @ _directions(generator) + 3 for code in codes]
    own, later, second = (_directions(generator) for _ in range(3))
    y = [5 * codes[0] @ own, 4 * codes[0] @ later + 4 * codes[1] @ second + 1]
    sae, reads, writes = _train("cross_layer_transcoder", x, y)
    assert isinstance(sae, CrossLayerTranscoder)
    assert _found(own, sae.layers[0].W_dec[:, :WIDTH]) > 0.95
    assert _found(later, sae.layers[0].W_dec[:, WIDTH:]) > 0.95
    assert _found(second, sae.layers[1].W_dec) > 0.95
    assert _unexplained(writes, sae.reconstruct(reads)) < 0.1


def _random(kind: str, architecture: str, generator: torch.Generator) -> Architecture[Any] | CrossLayer:
    trainer = build_trainer(_config(kind, architecture), [WIDTH, 24], [24, 20], generator)
    with torch.no_grad():
        for parameter in trainer.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.rand(parameter.shape, generator=generator)
    for module in trainer.modules():
        if isinstance(module, Architecture):
            module.after_step(torch.ones(module.config.d_sae), 1)  # rows of unit length, where they are kept so
            if architecture == "batch_topk":
                module.get_buffer("threshold").fill_(0.7)
    return trainer.eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_folding_the_units_away_keeps_the_function(
    kind: str, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "cross_layer_transcoder" and architecture == "gated":
        with pytest.raises(StudyError, match="a cross_layer_transcoder cannot be gated"):
            _config(kind, architecture)
        return
    generator = torch.Generator().manual_seed(1)
    trainer = _random(kind, architecture, generator)
    written = [WIDTH, 24] if kind == "crosscoder" else [24, 20]
    reads = Units.of([torch.linspace(-3, 3, WIDTH), torch.ones(24)], [4000.0, 90.0])
    writes = reads if kind == "crosscoder" else Units.of([torch.zeros(24), torch.ones(20)], [50.0, 700.0])
    sae = trainer.export(reads, writes, {})
    x = reads.mean + reads.scale.float() * torch.randn(64, sum(reads.widths), generator=generator)
    target = writes.apply(x if kind == "crosscoder" else torch.randn(64, sum(written), generator=generator))
    if architecture == "batch_topk":  # saved with a threshold in place of the batch's k
        for module in trainer.modules():
            if isinstance(module, Architecture):
                monkeypatch.setattr(module, "select", _above)
    predicted = target - trainer(reads.apply(x), target=target).residual
    torch.testing.assert_close(writes.apply(sae.reconstruct(x)), predicted, rtol=1e-4, atol=1e-4)


def _above(pre: PreActivations) -> Pairs:
    return Pairs.where(pre.dense > 0.7)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_dense_formula(kind: str) -> None:
    generator = torch.Generator().manual_seed(2)
    trainer = _random(kind, "topk", generator).double()
    x = torch.randn(16, WIDTH + 24, generator=generator, dtype=torch.float64)
    target = x if kind == "crosscoder" else torch.randn(16, 44, generator=generator, dtype=torch.float64)
    trainer(x, target=target).loss.backward()
    found = {name: p.grad.clone() for name, p in trainer.named_parameters() if p.grad is not None}
    trainer.zero_grad()
    _dense_loss(trainer, x, target).backward()
    for name, parameter in trainer.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, rtol=1e-9, atol=1e-11)
    assert len(found) >= 4


def _dense_loss(trainer: Any, x: Tensor, target: Tensor) -> Tensor:
    def features(part: Architecture[Any], rows: Tensor) -> Tensor:
        pre = (rows - part.b_dec if part.centres else rows) @ part.W_enc.T + part.b_enc
        return torch.zeros_like(pre).scatter(1, (top := pre.topk(ACTIVE, dim=1)).indices, top.values.relu())

    if isinstance(trainer, CrossLayer):
        first, second = trainer.parts
        out = features(first, x[:, :WIDTH]) @ first.W_dec + trainer.b_dec
        late = features(second, x[:, WIDTH:]) @ second.W_dec
        out = torch.cat([out[:, :24], out[:, 24:] + late], dim=1)
    else:
        out = features(trainer, x) @ trainer.W_dec + trainer.b_dec
        if trainer.W_skip is not None:
            out = out + x @ trainer.W_skip.T
    return (target - out).square().sum(dim=1).mean()


def test_a_crosscoders_features_pay_for_each_site() -> None:
    trainer = build_trainer(
        _config("crosscoder", "standard"), [WIDTH, 24], [WIDTH, 24], torch.Generator().manual_seed(0)
    )
    assert isinstance(trainer, Architecture)
    with torch.no_grad():
        trainer.W_dec[0] = torch.cat([3 * torch.eye(WIDTH)[0], 4 * torch.eye(24)[0]])
    assert trainer.norms()[0].item() == pytest.approx(7.0), "not 5, the length of the whole row"


@pytest.mark.parametrize("architecture", ["topk", "jumprelu"])
def test_a_cross_layer_transcoder_is_read_as_it_was_saved(architecture: str, tmp_path: Path) -> None:
    trainer = build_trainer(
        _config("cross_layer_transcoder", architecture), [WIDTH] * 3, [WIDTH] * 3, torch.Generator().manual_seed(0)
    )
    units = Units.of([torch.ones(WIDTH)] * 3, [100.0, 200.0, 300.0])
    sae = trainer.export(units, units, {"hook_name": "mlp_in.0+mlp_in.1+mlp_in.2"})
    save_coder(tmp_path, sae, torch.rand(sae.width))
    x = torch.randn(8, 3 * WIDTH, generator=torch.Generator().manual_seed(1))
    read = load_coder(tmp_path, ["mlp_in.0", "mlp_in.1", "mlp_in.2"], 3 * WIDTH)
    torch.testing.assert_close(read.reconstruct(x), sae.reconstruct(x), rtol=0, atol=0)
    with pytest.raises(StudyError, match=r"asked to serve mlp_in\.7"):
        load_coder(tmp_path, ["mlp_in.7"], WIDTH)
    config = json.loads((tmp_path / "cfg.json").read_text())
    (tmp_path / "cfg.json").write_text(json.dumps(config | {"layers": 4}))
    with pytest.raises(StudyError, match="no 'W_enc_3'"):
        load_coder(tmp_path, ["mlp_in.0", "mlp_in.1", "mlp_in.2"], 3 * WIDTH)


class _Linear(nn.Module):
    """An MLP that is a linear map of what the first such MLP of the pass read."""

    def __init__(self, weight: Tensor, first: "_Linear | None" = None) -> None:
        super().__init__()
        self.weight = weight
        self.first = [first or self]
        self.seen = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return self.first[0].seen @ self.weight.T


def test_the_model_does_the_same_with_a_cross_layer_transcoder_that_is_exact(tiny: Model) -> None:
    """The second layer's MLP computes on what the first's read: only what is written across layers can replace it."""
    d = tiny.d_model
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(d, d, generator=generator) / d**0.5 for _ in range(2)]
    layers = tiny.network.get_submodule(tiny.family.layers)
    kept = [layers[number].mlp for number in range(2)]
    first = _Linear(weights[0])
    signs = torch.cat([torch.eye(d), -torch.eye(d)])
    trainer = build_trainer(_config("cross_layer_transcoder", d_sae=2 * d, k=2 * d), [d] * 2, [d] * 2, generator)
    assert isinstance(trainer, CrossLayer)
    with torch.no_grad():
        trainer.parts[0].W_enc.copy_(signs)
        trainer.parts[0].W_dec.copy_(signs @ torch.cat([weights[0].T, weights[1].T], dim=1))
        trainer.parts[1].W_enc.zero_()
    unit = Units(torch.zeros(2 * d), torch.ones(2 * d, dtype=torch.float64), (d, d), 1.0)
    sae = trainer.export(unit, unit, {})
    tokens = torch.randint(1, tiny.network.config.vocab_size, (4, 16), generator=generator)
    reads, writes = ([Site(kind, layer) for layer in range(2)] for kind in ("mlp_in", "mlp_out"))
    infinite = dict.fromkeys([*reads, *writes], float("inf"))
    settings = EvaluateSAE(name="clt", reads=list(map(str, reads)), writes=list(map(str, writes)), batch=2)
    sequences = Sequences(tokens.int().numpy(), tokens[:, 0].int().numpy())
    try:
        layers[0].mlp, layers[1].mlp = first, _Linear(weights[1], first)
        found = evaluate_coder(tiny, sequences, sae, infinite, torch.zeros(sae.width), settings).plain()
    finally:
        layers[0].mlp, layers[1].mlp = kept
    assert found["fvu"] < 1e-8
    assert [site["fvu"] < 1e-8 for site in found["by_site"].values()] == [True, True]
    assert found["together"]["ce_recovered"] == pytest.approx(1, abs=1e-5)
    assert found["together"]["kl"]["sae"] < 1e-6 < found["together"]["kl"]["zero"]
