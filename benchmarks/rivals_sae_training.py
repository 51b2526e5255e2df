"""Train a TopK sparse autoencoder with another library's own trainer and print the time as JSON (runs in .rivals)."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from types import ModuleType
from typing import Literal

import torch

from common import Clock, Training, synthetic_activations
from sparse_circuits.command import program
from sparse_circuits.compute import choose_device

Rival = Literal[
    "dictionary_learning", "dictionary_learning_autocast", "sae_lens", "sae_lens_autocast", "sae_lens_sparse"
]


@dataclass(frozen=True)
class Arguments:
    rival: Rival
    """whose trainer"""
    training: Training = field(default_factory=Training)


def stand_in(name: str, **attributes: object) -> None:
    """Let `import name` succeed without the package: logging and model tracing, which no training step calls."""
    module = ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


def dictionary_learning(training: Training, clock: Clock, *, autocast: bool = False) -> str:
    """Run TopKTrainer.update with all its defaults (AuxK 1/32), in the loop of the library's trainSAE."""
    stand_in("nnsight", LanguageModel=object)
    from dictionary_learning.trainers.top_k import AutoEncoderTopK, TopKTrainer

    device = choose_device(training.device)
    trainer = TopKTrainer(
        steps=100_000,  # of the schedule; it must be longer than the warm-up of the learning rate
        activation_dim=training.d_in,
        dict_size=training.d_sae,
        k=training.k,
        layer=0,
        lm_name="synthetic",
        dict_class=AutoEncoderTopK,
        seed=0,
        device=str(device),
    )
    for step, x in enumerate(clock):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
            trainer.update(step, x)
    return f"dictionary_learning {version('dictionary-learning')}"


def sae_lens(training: Training, clock: Clock, *, autocast: bool = False, sparse: bool = False) -> str:
    """Run SAETrainer.fit on a TopKTrainingSAE with all its defaults (AuxK 1), but for the two switches for speed."""
    stand_in("wandb")
    from sae_lens.config import SAETrainerConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.training.sae_trainer import SAETrainer

    device = str(choose_device(training.device))
    torch.manual_seed(0)  # the library draws initial weights from the global generator
    config = TopKTrainingSAEConfig(
        d_in=training.d_in,
        d_sae=training.d_sae,
        k=training.k,
        device=device,
        use_sparse_activations=sparse,
        # Sparse activations times decoder norms, the default, fail in the backward pass of torch 2.13.
        rescale_acts_by_decoder_norm=not sparse,
    )
    settings = SAETrainerConfig(
        total_training_samples=training.all_steps * training.batch,
        train_batch_size_samples=training.batch,
        lr_end=3e-5,  # required though the schedule is constant; the runner's default, a tenth of the default rate
        device=device,
        autocast=autocast,
    )
    SAETrainer(settings, TopKTrainingSAE(config), iter(clock)).fit()
    return f"SAELens {version('sae-lens')}"


RIVALS: dict[Rival, Callable[[Training, Clock], str]] = {
    "dictionary_learning": dictionary_learning,
    "dictionary_learning_autocast": partial(dictionary_learning, autocast=True),
    "sae_lens": sae_lens,
    "sae_lens_autocast": partial(sae_lens, autocast=True),
    "sae_lens_sparse": partial(sae_lens, sparse=True),
}


def main(args: Arguments) -> None:
    torch.set_num_threads(args.training.threads)
    # In fp32, which both expect, so that the conversion costs them nothing.
    batches = [batch.float() for batch in synthetic_activations(args.training)]
    clock = Clock(batches, args.training, batches[0].device)
    library = RIVALS[args.rival](args.training, clock)
    print(json.dumps({"library": library, "torch": torch.__version__, "seconds": clock.seconds}))


if __name__ == "__main__":
    program(main, Arguments)
