"""Losses and gradients of other libraries' trainers on tiny autoencoders, for parity tests.

Runs in the environment of benchmarks/setup_rivals.sh: .rivals/bin/python tests/make_training_references.py
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import torch

# Both libraries import what only their logging and model tracing need.
sys.modules |= {"nnsight": SimpleNamespace(LanguageModel=object), "wandb": SimpleNamespace()}

# ruff: noqa: E402
from dictionary_learning.dictionary import AutoEncoder
from dictionary_learning.trainers.p_anneal import PAnnealTrainer
from dictionary_learning.trainers.top_k import AutoEncoderTopK, TopKTrainer
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedTrainingSAE, GatedTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.saes.matryoshka_batchtopk_sae import MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig
from sae_lens.saes.sae import TrainStepInput
from sae_lens.saes.standard_sae import StandardTrainingSAE, StandardTrainingSAEConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
from safetensors.torch import save_file

D_IN, D_SAE, K, ROWS = 6, 24, 3, 40
OUT = Path(__file__).parent / "references" / "training.safetensors"


def weights() -> dict[str, torch.Tensor]:
    """Weights with unit decoder rows, features in rows; thresholds in the middle of the pre-activations."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    weak = torch.ones(D_SAE, 1)
    weak[-8:] = 0.05  # too weak to be among the largest: they pass for dead
    return {
        "x": draw(ROWS, D_IN),
        "W_enc": weak * draw(D_SAE, D_IN) / 2,
        "W_dec": torch.nn.functional.normalize(draw(D_SAE, D_IN), dim=1),
        "b_enc": weak[:, 0] * draw(D_SAE) / 10,
        "b_dec": draw(D_IN) / 10,
        "threshold": draw(D_SAE).abs() / 2,
        "r_mag": draw(D_SAE) / 3,
        "b_mag": draw(D_SAE) / 10,
    }


def sae_lens(kind, config_kind, **settings):
    """Loss and gradients of a SAELens trainer."""
    sae = kind(config_kind(d_in=D_IN, d_sae=D_SAE, dtype="float32", device="cpu", **settings))
    ours = weights()
    names = {"b_gate": "b_enc"}
    with torch.no_grad():
        for name, parameter in sae.named_parameters():
            value = ours[names.get(name, name)]
            parameter.copy_(value.T if name == "W_enc" else value)
    coefficients = {
        name: coefficient.value if hasattr(coefficient, "value") else coefficient
        for name, coefficient in sae.get_coefficients().items()
    }
    out = sae.training_forward_pass(
        TrainStepInput(
            sae_in=ours["x"],
            coefficients=coefficients,
            dead_neuron_mask=None,
            n_training_steps=0,
            is_logging_step=False,
        )
    )
    out.loss.backward()
    gradients = {
        names.get(name, name): (p.grad.T if name == "W_enc" else p.grad).clone()
        for name, p in sae.named_parameters()
        if p.grad is not None
    }
    return {"loss": out.loss.detach(), **gradients}


def copied(ae):
    """A dictionary of dictionary_learning with our weights."""
    ours = weights()
    with torch.no_grad():
        ae.encoder.weight.copy_(ours["W_enc"])
        ae.encoder.bias.copy_(ours["b_enc"])
        ae.decoder.weight.copy_(ours["W_dec"].T)
        (ae.b_dec if hasattr(ae, "b_dec") else ae.bias).copy_(ours["b_dec"])
    return ae


def gradients_of(ae, loss):
    loss.backward()
    bias = ae.b_dec if hasattr(ae, "b_dec") else ae.bias
    return {
        "loss": loss.detach(),
        "W_enc": ae.encoder.weight.grad,
        "b_enc": ae.encoder.bias.grad,
        "W_dec": ae.decoder.weight.grad.T,
        "b_dec": bias.grad,
    }


def dictionary_learning_topk():
    """TopK with AuxK: the last eight features are dead."""
    trainer = TopKTrainer(
        steps=100_000, activation_dim=D_IN, dict_size=D_SAE, k=K, layer=0, lm_name="", device="cpu", warmup_steps=0
    )
    trainer.ae = copied(AutoEncoderTopK(D_IN, D_SAE, K))
    trainer.num_tokens_since_fired[-8:] = trainer.dead_feature_threshold + 1
    trainer.top_k_aux = 2
    return gradients_of(trainer.ae, trainer.loss(weights()["x"], step=0))


def dictionary_learning_p_anneal():
    """The penalty at p = 0.5, in this library without the decoder's norms, which are 1 here."""
    trainer = PAnnealTrainer(
        steps=100_000,
        activation_dim=D_IN,
        dict_size=D_SAE,
        layer=0,
        lm_name="",
        device="cpu",
        initial_sparsity_penalty=0.1,
    )
    trainer.sparsity_function = "Lp^p"
    trainer.ae = copied(AutoEncoder(D_IN, D_SAE))
    f = trainer.ae.encode(weights()["x"])
    error = (weights()["x"] - trainer.ae.decode(f)).pow(2).sum(dim=-1).mean()
    return gradients_of(trainer.ae, error + 0.1 * trainer.lp_norm(f, 0.5))


def main() -> None:
    found = {
        "standard": sae_lens(StandardTrainingSAE, StandardTrainingSAEConfig, l1_coefficient=0.3),
        "gated": sae_lens(GatedTrainingSAE, GatedTrainingSAEConfig, l1_coefficient=0.3),
        "topk": sae_lens(TopKTrainingSAE, TopKTrainingSAEConfig, k=K),
        "batch_topk": sae_lens(BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig, k=K),
        "matryoshka": sae_lens(
            MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig, k=K, matryoshka_widths=[4, 12, D_SAE]
        ),
        **{
            f"jumprelu_{mode}": sae_lens(
                JumpReLUTrainingSAE,
                JumpReLUTrainingSAEConfig,
                jumprelu_sparsity_loss_mode=mode,
                l0_coefficient=0.3,
                jumprelu_bandwidth=0.5,
                target_l0=5.0 if mode == "quadratic" else None,
            )
            for mode in ("step", "tanh", "quadratic")
        },
        "topk_aux": dictionary_learning_topk(),
        "p_anneal": dictionary_learning_p_anneal(),
    }
    tensors = {f"{case}/{name}": tensor for case, parts in found.items() for name, tensor in parts.items()}
    tensors |= {f"weights/{name}": tensor for name, tensor in weights().items()}
    OUT.parent.mkdir(exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, OUT)


if __name__ == "__main__":
    main()
