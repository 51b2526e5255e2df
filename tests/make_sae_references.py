"""Make tests/references: tiny autoencoders as other libraries save them, and what those libraries compute with them.

Run in the environment of benchmarks/setup_rivals.sh: `.rivals/bin/python tests/make_sae_references.py`. The weights are
random. Each folder holds the library's own files and expected.safetensors: x (row, d_in), features, reconstruction.
"""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent / "references"
D_IN, D_SAE, D_OUT, K, ROWS = 6, 20, 5, 3, 8


def stand_in(name: str, **attributes: object) -> None:
    """Let `import name` succeed without the package: nothing of it is called."""
    module = ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


stand_in("wandb")
import sae_lens.saes as sl  # noqa: E402
from sae_lens import SAE  # noqa: E402
from sae_lens.training.activation_scaler import ActivationScaler  # noqa: E402

# Only now: transformers, which SAELens imports, looks whether the real ones are installed.
stand_in("nnsight", LanguageModel=object)
stand_in("zstandard")
stand_in("natsort", natsorted=sorted)
stand_in("accelerate")
stand_in("accelerate.utils", send_to_device=None)
stand_in("sparsify.trainer", SaeTrainer=object, Trainer=object)
import dictionary_learning.dictionary as dl  # noqa: E402
import sparsify  # noqa: E402
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.top_k import AutoEncoderTopK  # noqa: E402
from dictionary_learning.utils import load_dictionary  # noqa: E402


def randomise(module: nn.Module) -> None:
    """Give every weight a random value: decoder rows of any length, thresholds that about half of what fires passes."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.normal_()
            if "threshold" in name:
                tensor.abs_()


def publish(folder: Path, x: Tensor, features: Tensor, reconstruction: Tensor) -> None:
    """Write what is expected; some features must fire and some not, or the reference would show nothing."""
    share = (features > 0).float().mean().item()
    assert 0.05 < share < 0.95, f"{folder}: {share:.0%} of the features fire"
    expected = {"x": x, "features": features, "reconstruction": reconstruction}
    tensors = {name: tensor.detach().contiguous() for name, tensor in expected.items()}
    save_file(tensors, folder / "expected.safetensors")
    print(f"{folder.relative_to(ROOT)}: {share:.0%} of the features fire")


def fresh(library: str, name: str) -> Path:
    """Return an empty folder."""
    folder = ROOT / library / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def sae_lens() -> None:
    """Inference classes by save_model, training classes by save_inference_model, all read again by load_from_disk."""
    size: dict[str, Any] = {"d_in": D_IN, "d_sae": D_SAE}
    wide: dict[str, Any] = {**size, "d_out": D_OUT, "apply_b_dec_to_input": False}
    inference: dict[str, tuple[type, Any]] = {
        "standard": (sl.StandardSAE, sl.StandardSAEConfig(**size)),
        "standard_not_centred": (sl.StandardSAE, sl.StandardSAEConfig(**size, apply_b_dec_to_input=False)),
        "gated": (sl.GatedSAE, sl.GatedSAEConfig(**size)),
        "topk": (sl.TopKSAE, sl.TopKSAEConfig(**size, k=K)),
        "topk_rescaled": (sl.TopKSAE, sl.TopKSAEConfig(**size, k=K, rescale_acts_by_decoder_norm=True)),
        "jumprelu": (sl.JumpReLUSAE, sl.JumpReLUSAEConfig(**size)),
        "jumprelu_bfloat16": (sl.JumpReLUSAE, sl.JumpReLUSAEConfig(**size, dtype="bfloat16")),
        "transcoder": (sl.Transcoder, sl.TranscoderConfig(**wide)),
        "skip_transcoder": (sl.SkipTranscoder, sl.SkipTranscoderConfig(**wide)),
        "jumprelu_transcoder": (sl.JumpReLUTranscoder, sl.JumpReLUTranscoderConfig(**wide)),
        "jumprelu_skip_transcoder": (sl.JumpReLUSkipTranscoder, sl.JumpReLUSkipTranscoderConfig(**wide)),
    }
    trained: dict[str, tuple[type, Any]] = {
        "batchtopk": (sl.BatchTopKTrainingSAE, sl.BatchTopKTrainingSAEConfig(**size, k=K)),
        "matryoshka": (
            sl.MatryoshkaBatchTopKTrainingSAE,
            sl.MatryoshkaBatchTopKTrainingSAEConfig(**size, k=K, matryoshka_widths=[8, D_SAE]),
        ),
    }
    for name, (kind, config) in {**inference, **trained}.items():
        sae = kind(config)
        randomise(sae)
        folder = fresh("saelens", name)
        (sae.save_inference_model if name in trained else sae.save_model)(folder)
        sae_lens_expected(folder)
    hook_z()
    unfinished()


def sae_lens_expected(folder: Path, heads: int | None = None) -> None:
    x = torch.randn(ROWS, D_IN)
    sae = SAE.load_from_disk(folder, dtype="float32")
    seen = x if heads is None else x.unflatten(1, (heads, -1))
    publish(folder, x, sae.encode(seen), sae(seen).reshape(ROWS, -1))


def hook_z() -> None:
    """The outputs of attention heads, which SAELens flattens."""
    metadata = {"hook_name": "blocks.0.attn.hook_z"}
    config = {"architecture": "standard", "d_in": D_IN, "d_sae": D_SAE, "reshape_activations": "hook_z"}
    sae = sl.StandardSAE(sl.StandardSAEConfig.from_dict({**config, "metadata": metadata}))
    randomise(sae)
    folder = fresh("saelens", "hook_z")
    sae.save_model(folder)
    sae_lens_expected(folder, heads=2)


def unfinished() -> None:
    """A checkpoint whose inputs are still scaled at run time, and what it computes once SAELens has folded that in."""
    config = sl.TopKTrainingSAEConfig(
        d_in=D_IN, d_sae=D_SAE, k=K, rescale_acts_by_decoder_norm=True, normalize_activations="expected_average_only_in"
    )
    sae = sl.TopKTrainingSAE(config)
    randomise(sae)
    folder = fresh("saelens", "unfinished")
    sae.save_model(folder)
    scale = 0.3
    ActivationScaler(scaling_factor=scale).save(str(folder / "activation_scaler.json"))
    x = torch.randn(ROWS, D_IN)
    sae.fold_activation_norm_scaling_factor(scale)
    sae.fold_W_dec_norm()
    publish(folder, x, sae.encode(x), sae(x))


def dictionary_learning() -> None:
    """State dictionaries and configurations as its training loop saves them, read again by load_dictionary."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "AutoEncoder": lambda: dl.AutoEncoder(D_IN, D_SAE),
        "AutoEncoderNew": lambda: dl.AutoEncoderNew(D_IN, D_SAE),
        "AutoEncoderTopK": lambda: AutoEncoderTopK(D_IN, D_SAE, K),
        "BatchTopKSAE": lambda: BatchTopKSAE(D_IN, D_SAE, K),
        "MatryoshkaBatchTopKSAE": lambda: MatryoshkaBatchTopKSAE(D_IN, D_SAE, K, [8, D_SAE - 8]),
        "GatedAutoEncoder": lambda: dl.GatedAutoEncoder(D_IN, D_SAE),
        "JumpReluAutoEncoder": lambda: dl.JumpReluAutoEncoder(D_IN, D_SAE),
    }
    for name, make in makers.items():
        dictionary = make()
        randomise(dictionary)
        folder = fresh("dictionary_learning", name)
        torch.save(dictionary.state_dict(), folder / "ae.pt")
        settings = {"dict_class": name, "activation_dim": D_IN, "dict_size": D_SAE, "layer": 0}
        settings |= {"k": K} if hasattr(dictionary, "k") else {}
        (folder / "config.json").write_text(json.dumps({"trainer": settings}, indent=1) + "\n")
        read, _ = load_dictionary(str(folder), device="cpu")
        x = torch.randn(ROWS, D_IN)
        publish(folder, x, read.encode(x), read(x))


def eleuther() -> None:
    """Autoencoders and transcoders of sparsify, by its save_to_disk and load_from_disk."""
    settings = {
        "topk": {},
        "topk_expansion": {"num_latents": 0, "expansion_factor": 3},
        "transcoder": {"transcode": True},
        "skip_transcoder": {"transcode": True, "skip_connection": True},
        "skip_autoencoder": {"skip_connection": True},
    }
    for name, changes in settings.items():
        config = sparsify.SparseCoderConfig(**{"num_latents": D_SAE, "k": K, **changes})
        coder = sparsify.SparseCoder(D_IN, config)
        randomise(coder)
        folder = fresh("sparsify", name)
        coder.save_to_disk(folder)
        read = sparsify.SparseCoder.load_from_disk(folder)
        x = torch.randn(ROWS, D_IN)
        out = read(x)
        features = torch.zeros(ROWS, read.num_latents).scatter(1, out.latent_indices, out.latent_acts)
        publish(folder, x, features, out.sae_out)


def main() -> None:
    """Make all references; the global generator is seeded, since the libraries draw from it."""
    torch.manual_seed(0)
    with torch.no_grad():
        sae_lens()
        dictionary_learning()
        eleuther()


if __name__ == "__main__":
    main()
