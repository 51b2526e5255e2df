"""Train a sparse autoencoder with another library's own trainer and print the time as JSON (runs in .rivals).

Each library keeps its defaults: its optimiser, learning rate, initial weights, AuxK. `switches` are what it offers for
speed alone.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from common import Architecture, Clock, Training, synthetic_activations
from sparse_circuits.command import program

Library = Literal["dictionary_learning", "sae_lens", "sparsify"]
Switch = Literal["autocast", "compiled", "sparse"]


@dataclass(frozen=True)
class Arguments:
    library: Library
    """whose trainer"""
    architecture: Architecture = "topk"
    """what it trains"""
    switches: tuple[Switch, ...] = ()
    """what to switch on: autocast to bf16, torch.compile, sparse activations"""
    training: Training = field(default_factory=Training)


def stand_in(name: str, **attributes: object) -> None:
    """Let `import name` succeed without the package: logging and model tracing, which no training step calls."""
    module = ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


def dictionary_learning(args: Arguments, clock: Clock) -> str:
    """Run a trainer's `update` in the loop of the library's trainSAE, which casts to bf16 on CUDA only."""
    stand_in("nnsight", LanguageModel=object)
    from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
    from dictionary_learning.trainers.gdm import GatedSAETrainer
    from dictionary_learning.trainers.jumprelu import JumpReluTrainer
    from dictionary_learning.trainers.top_k import TopKTrainer

    training = args.training
    trainers = {
        "topk": TopKTrainer,
        "batch_topk": BatchTopKTrainer,
        "jumprelu": JumpReluTrainer,
        "gated": GatedSAETrainer,
    }
    trainer = trainers[args.architecture](
        steps=100_000,  # of the schedule; it must be longer than the warm-up of the learning rate
        activation_dim=training.d_in,
        dict_size=training.d_sae,
        layer=0,
        lm_name="synthetic",
        seed=0,
        device=str(clock.device),
        **({"k": training.k} if args.architecture in ("topk", "batch_topk") else {}),
    )
    autocast = "autocast" in args.switches
    for step, x in enumerate(clock):
        x = x.to(torch.bfloat16 if autocast else torch.float32)
        with torch.autocast(clock.device.type, dtype=torch.bfloat16, enabled=autocast):
            trainer.update(step, x)
    return f"dictionary_learning {version('dictionary-learning')}"


def sae_lens(args: Arguments, clock: Clock) -> str:
    """Run SAETrainer.fit; compile as the library's runner does, when it is asked to compile the SAE."""
    stand_in("wandb")
    import sae_lens.saes as saes
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    training = args.training
    device = str(clock.device)
    torch.manual_seed(0)  # the library draws initial weights from the global generator
    classes: dict[Architecture, tuple[Any, Any]] = {
        "topk": (saes.TopKTrainingSAE, saes.TopKTrainingSAEConfig),
        "batch_topk": (saes.BatchTopKTrainingSAE, saes.BatchTopKTrainingSAEConfig),
        "jumprelu": (saes.JumpReLUTrainingSAE, saes.JumpReLUTrainingSAEConfig),
        "gated": (saes.GatedTrainingSAE, saes.GatedTrainingSAEConfig),
    }
    make, make_config = classes[args.architecture]
    more: dict[str, Any] = {"k": training.k} if args.architecture in ("topk", "batch_topk") else {}
    if "sparse" in args.switches:
        # Sparse activations times decoder norms, the default, fail in the backward pass of torch 2.13.
        more |= {"use_sparse_activations": True, "rescale_acts_by_decoder_norm": False}
    sae = make(make_config(d_in=training.d_in, d_sae=training.d_sae, device=device, **more))
    if "compiled" in args.switches:
        sae.training_forward_pass = torch.compile(sae.training_forward_pass)
    settings = SAETrainerConfig(
        total_training_samples=training.all_steps * training.batch,
        train_batch_size_samples=training.batch,
        lr_end=3e-5,  # required though the schedule is constant; the runner's default, a tenth of the default rate
        device=device,
        autocast="autocast" in args.switches,
    )
    SAETrainer(settings, sae, iter(clock)).fit()
    return f"SAELens {version('sae-lens')}"


def sparsify(args: Arguments, clock: Clock) -> str:
    """Run Trainer.fit on a model whose one layer hands out the batches; it casts to bf16 on CUDA by itself."""
    import transformers.modeling_utils  # noqa: F401 - it looks whether accelerate is installed, before the stand-in

    stand_in("accelerate")
    stand_in("accelerate.utils", send_to_device=lambda batch, _: batch)
    from sparsify import SparseCoderConfig, TrainConfig, Trainer

    training = args.training

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.device = clock.device
            self.dummy_inputs: dict[str, Tensor] = {}
            self.base_model = nn.ModuleDict({"layer": nn.Identity()})
            self.batches = iter(clock)

        def forward(self, tokens: Tensor | None = None) -> None:
            # Without tokens it is asked for its width only.
            batch = torch.zeros(1, training.d_in, device=self.device) if tokens is None else next(self.batches)
            self.base_model["layer"](batch.unsqueeze(0))

    sequences = [{"input_ids": torch.zeros(training.batch, dtype=torch.int64)}] * training.all_steps
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            SparseCoderConfig(num_latents=training.d_sae, k=training.k),
            batch_size=1,  # in sequences; each is as long as a batch
            hookpoints=["layer"],
            log_to_wandb=False,
            save_dir=folder,
        )
        Trainer(config, sequences, Model()).fit()
    return f"sparsify {version('eai-sparsify')}"


TRAIN: dict[Library, Callable[[Arguments, Clock], str]] = {
    "dictionary_learning": dictionary_learning,
    "sae_lens": sae_lens,
    "sparsify": sparsify,
}


def main(args: Arguments) -> None:
    torch.set_num_threads(args.training.threads)
    # In fp32, which all expect, so that the conversion costs them nothing.
    batches = [batch.float() for batch in synthetic_activations(args.training)]
    clock = Clock(batches, args.training, batches[0].device)
    library = TRAIN[args.library](args, clock)
    print(json.dumps({"library": library, "torch": torch.__version__, "seconds": clock.seconds}))


if __name__ == "__main__":
    program(main)
