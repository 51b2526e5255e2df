"""Published autoencoders compute here what they compute in their own libraries, and ours are written as theirs.

tests/references was made by those libraries (tests/make_sae_references.py).
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.catalogue import PublishedSAE
from sparse_circuits.sae.autoencoder import (
    Architecture,
    SparseAutoencoder,
    load_autoencoder,
    save_autoencoder,
    tensor_shapes,
    ungated,
)
from sparse_circuits.sae.formats.dictionary_learning import CLASSES
from sparse_circuits.sae.formats.registry import FORMATS, convert_published
from worlds.checkout import ROOT

REFERENCES = ROOT / "tests/references"
FOLDERS = sorted(str(path.parent.relative_to(REFERENCES)) for path in REFERENCES.glob("*/*/expected.safetensors"))
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
SAELENS_HAS_NOT = ("topk_transcoder", "topk_skip_transcoder")


def _random(architecture: Architecture, d_in: int = 6, d_sae: int = 20, d_out: int | None = None) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(0)
    shapes = tensor_shapes("jumprelu_skip_transcoder", d_in, d_sae, d_out or d_in)
    tensors: dict[str, Any] = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    if not architecture.startswith(("jumprelu", "gated")):
        del tensors["threshold"]
    if "skip" not in architecture:
        del tensors["W_skip"]
    k = 3 if architecture.startswith("topk") else None
    return SparseAutoencoder(architecture, **tensors, k=k, centred="transcoder" not in architecture)


def _x(rows: int = 50, d_in: int = 6) -> Tensor:
    return torch.randn(rows, d_in, generator=torch.Generator().manual_seed(1))


def _read(library: str, folder: Path) -> SparseAutoencoder:
    return FORMATS[library](sorted(path for path in folder.iterdir() if path.name != "expected.safetensors"))


def _copy(reference: str, folder: Path) -> Path:
    return Path(shutil.copytree(REFERENCES / reference, folder / "copy"))


def _edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", FOLDERS)
def test_it_computes_what_its_own_library_computes(name: str) -> None:
    sae = _read(name.partition("/")[0], REFERENCES / name)
    expected = load_file(REFERENCES / name / "expected.safetensors")
    torch.testing.assert_close(sae.encode(expected["x"]), expected["features"], rtol=0, atol=1e-5)
    torch.testing.assert_close(sae.reconstruct(expected["x"]), expected["reconstruction"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", FOLDERS)
def test_it_computes_the_same_from_our_folder(name: str, tmp_path: Path) -> None:
    library = name.partition("/")[0]
    files = sorted(path for path in (REFERENCES / name).iterdir() if path.name != "expected.safetensors")
    source = {"kind": "url", "url": "https://example.org/x", "sha256": "0" * 64}
    entry = PublishedSAE.model_validate({"licence": "MIT", "format": library, "sources": [source]})
    convert_published(entry, files, "a model", "resid_post.3", tmp_path)
    expected = load_file(REFERENCES / name / "expected.safetensors")
    reconstruction = load_autoencoder(tmp_path, "resid_post.3", 6).reconstruct(expected["x"])
    torch.testing.assert_close(reconstruction, expected["reconstruction"], rtol=0, atol=1e-5)


def test_every_format_and_class_has_a_reference() -> None:
    formats = get_args(PublishedSAE.model_fields["format"].annotation)
    assert set(formats) == FORMATS.keys()
    assert {name.partition("/")[0] for name in FOLDERS} == FORMATS.keys() - {"gemma_scope"}
    assert {name.partition("/")[2] for name in FOLDERS if name.startswith("dictionary_learning")} == set(CLASSES)


@pytest.mark.parametrize("architecture", [a for a in ARCHITECTURES if a not in SAELENS_HAS_NOT])
def test_a_folder_of_ours_has_the_keys_and_tensors_of_saelens(architecture: Architecture, tmp_path: Path) -> None:
    """benchmarks/saelens_parity.py has SAELens itself read them; here, they are compared with what it wrote."""
    reference = REFERENCES / "saelens" / architecture
    theirs = json.loads((reference / "cfg.json").read_text())
    sae = _random(architecture, theirs["d_in"], theirs["d_sae"], theirs.get("d_out"))
    save_autoencoder(tmp_path, sae, torch.ones(sae.width))
    ours = json.loads((tmp_path / "cfg.json").read_text())
    assert {**theirs, "metadata": ours["metadata"]} == ours
    assert int(ours["metadata"]["sae_lens_version"].partition(".")[0]) >= 6
    assert _layout(tmp_path) == _layout(reference)


def _layout(folder: Path) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (t.shape, t.dtype) for name, t in load_file(folder / "sae_weights.safetensors").items()}


@pytest.mark.parametrize("d_out", [6, 5])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_saved_loads_as_the_same_function(architecture: Architecture, d_out: int, tmp_path: Path) -> None:
    sae = _random(architecture, d_out=d_out if "transcoder" in architecture else 6)
    save_autoencoder(tmp_path, sae, torch.ones(sae.width))
    loaded = load_autoencoder(tmp_path)
    torch.testing.assert_close(loaded.encode(_x()), sae.encode(_x()), rtol=0, atol=1e-6)
    torch.testing.assert_close(loaded.reconstruct(_x()), sae.reconstruct(_x()), rtol=0, atol=1e-5)


def test_a_topk_transcoder_is_written_so_that_saelens_reads_it_right_or_not_at_all(tmp_path: Path) -> None:
    written = {}
    for name, sae in {
        "same width": _random("topk_transcoder"),
        "other width": _random("topk_transcoder", d_out=5),
        "skip": _random("topk_skip_transcoder"),
    }.items():
        save_autoencoder(tmp_path / name, sae, torch.ones(sae.width))
        config = json.loads((tmp_path / name / "cfg.json").read_text())
        written[name] = config["architecture"], config["apply_b_dec_to_input"]
    # SAELens 6.54.12 has a class for the first; of the others it says that it knows no such architecture.
    assert written == {
        "same width": ("topk", False),
        "other width": ("topk_transcoder", False),
        "skip": ("topk_skip_transcoder", False),
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sparse_and_dense_encoding_agree(architecture: Architecture) -> None:
    sae = _random(architecture)
    x = _x().view(5, 10, 6)
    values, indices = sae.encode_sparse(x)
    dense = torch.zeros(5, 10, sae.width).scatter_add_(2, indices, values)
    assert torch.equal(dense, sae.encode(x))
    assert (values >= 0).all()


def test_a_gated_autoencoder_and_the_jumprelu_it_becomes_compute_the_same() -> None:
    W_enc, r_mag, b_gate, b_mag = (torch.randn(shape, dtype=torch.float64) for shape in ((6, 20), 20, 20, 20))
    x = _x(500).double()
    z = x @ W_enc
    gated = (z + b_gate > 0) * (z * r_mag.exp() + b_mag).relu()
    weights = ungated(W_enc, r_mag, b_gate, b_mag)
    magnitude = x @ weights["W_enc"] + weights["b_enc"]
    torch.testing.assert_close(magnitude.relu() * (magnitude > weights["threshold"]), gated)


@pytest.mark.parametrize("architecture", ["standard", "jumprelu", "gated", "jumprelu_skip_transcoder"])
def test_rows_of_unit_length_change_features_but_not_the_function(architecture: Architecture) -> None:
    sae = _random(architecture)
    unit = sae.with_unit_rows()
    torch.testing.assert_close(unit.W_dec.norm(dim=1), torch.ones(sae.width))
    torch.testing.assert_close(unit.reconstruct(_x()), sae.reconstruct(_x()), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(unit.encode(_x()), sae.encode(_x()) * sae.W_dec.norm(dim=1), rtol=1e-5, atol=1e-5)


def test_the_settings_of_the_run_beside_an_autoencoder_are_not_taken_for_its_own(tmp_path: Path) -> None:
    folder = _copy("saelens/topk", tmp_path)
    (folder / "runner_cfg.json").write_text("{}")
    assert _read("saelens", folder).k == 3


def test_folders_of_saelens_before_version_6_mean_what_they_meant(tmp_path: Path) -> None:
    folder = _copy("saelens/topk", tmp_path)
    config = json.loads((folder / "cfg.json").read_text())
    old = {key: config[key] for key in ("d_in", "d_sae", "dtype", "apply_b_dec_to_input")}
    old |= {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": config["k"]}, "normalize_activations": False}
    (folder / "cfg.json").write_text(json.dumps(old | {"sae_lens_training_version": "3.9.2"}))
    expected = load_file(folder / "expected.safetensors")
    torch.testing.assert_close(_read("saelens", folder).reconstruct(expected["x"]), expected["reconstruction"])
    _edit_json(folder / "cfg.json", activation_fn_str="tanh-relu")
    with pytest.raises(StudyError, match=r"cfg.json: activation function 'tanh-relu'; relu and topk can be read"):
        _read("saelens", folder)


@pytest.mark.parametrize("normalisation", ["layer_norm", "constant_norm_rescale", "expected_average_only_in"])
def test_what_no_weights_can_express_is_refused(normalisation: str, tmp_path: Path) -> None:
    folder = _copy("saelens/jumprelu", tmp_path)
    _edit_json(folder / "cfg.json", normalize_activations=normalisation)
    with pytest.raises(StudyError, match=rf"cfg.json: normalize_activations '{normalisation}' cannot be folded"):
        _read("saelens", folder)


def test_a_tensor_that_is_missing_or_misshapen_is_named(tmp_path: Path) -> None:
    folder = _copy("saelens/jumprelu", tmp_path)
    path = folder / "sae_weights.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "threshold": torch.ones(3)}, path)
    with pytest.raises(StudyError, match=r"cfg.json: threshold has shape \(3,\), expected \(20,\)"):
        _read("saelens", folder)
    save_file({name: tensor for name, tensor in tensors.items() if name != "threshold"}, path)
    with pytest.raises(StudyError, match=r"cfg.json: no tensor threshold, which jumprelu needs"):
        _read("saelens", folder)
    path.write_bytes(b"nothing")
    with pytest.raises(StudyError, match=r"sae_weights.safetensors: not a safetensors file"):
        _read("saelens", folder)
    _edit_json(folder / "cfg.json", architecture="temporal")
    save_file(tensors, path)
    with pytest.raises(StudyError, match=r"cfg.json: architecture 'temporal'; standard, gated, topk"):
        _read("saelens", folder)


def test_a_dictionary_of_another_class_or_with_code_in_it_is_refused(tmp_path: Path) -> None:
    folder = _copy("dictionary_learning/AutoEncoderTopK", tmp_path)
    (folder / "config.json").write_text(json.dumps({"trainer": {"dict_class": "CrossCoder", "k": 3}}))
    with pytest.raises(StudyError, match=r"config.json: trainer.dict_class 'CrossCoder'; AutoEncoder, .* can be read"):
        _read("dictionary_learning", folder)
    (folder / "config.json").write_text(json.dumps({"trainer": {"dict_class": "GatedAutoEncoder"}}))
    with pytest.raises(StudyError, match=r"ae.pt: no tensor decoder_bias, gate_bias, mag_bias, r_mag, which Gated"):
        _read("dictionary_learning", folder)
    (folder / "config.json").write_text(json.dumps({"trainer": {"dict_class": "AutoEncoderTopK"}}))
    with pytest.raises(StudyError, match=r"ae.pt: no k, which topk needs"):
        _read("dictionary_learning", folder)
    torch.save({"encoder.weight": torch.nn.Linear(2, 2)}, folder / "ae.pt")
    with pytest.raises(StudyError, match=r"ae.pt: not a dictionary of tensors"):
        _read("dictionary_learning", folder)


@pytest.mark.parametrize(("key", "value"), [("activation", "groupmax"), ("signed", True)])
def test_features_chosen_otherwise_than_as_the_k_largest_are_refused(key: str, value: object, tmp_path: Path) -> None:
    folder = _copy("sparsify/topk", tmp_path)
    _edit_json(folder / "cfg.json", **{key: value})
    with pytest.raises(StudyError, match=rf"cfg.json: {key}"):
        _read("sparsify", folder)


def test_files_of_two_autoencoders_are_told_apart_from_one(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"expected one file ae.pt, found 0 among notes.txt"):
        FORMATS["dictionary_learning"]([tmp_path / "notes.txt"])
    with pytest.raises(StudyError, match=r"expected one file \*.npz, found 2 among a.npz, b.npz; list the files"):
        FORMATS["gemma_scope"]([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_an_archive_that_is_no_gemma_scope_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", W_enc=np.ones((2, 3)), b_enc=np.ones(3))
    with pytest.raises(StudyError, match=r"params.npz: no tensor W_dec, b_dec, threshold, which jumprelu needs"):
        FORMATS["gemma_scope"]([tmp_path / "params.npz"])


def test_a_transcoder_takes_no_b_dec_off_its_input() -> None:
    with pytest.raises(ValueError, match="b_dec belongs to the output"):
        replace(_random("transcoder"), centred=True)
