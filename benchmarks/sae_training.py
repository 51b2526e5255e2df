"""Tokens per second of training a TopK sparse autoencoder, beside two other libraries and the encoder's product alone.

Ours is `sparse_circuits.sae.train.train` as the pipeline calls it, theirs are their own trainers with their defaults
(rivals_sae_training.py). All see the same activations on the same machine and the same number of threads, in turn, in
several rounds; both sides keep their precision: theirs fp32, ours bf16 in the encoder's product where that is fast.
"""

import json
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from common import Clock, Training, compare, publish, synthetic_activations
from sparse_circuits.command import program
from sparse_circuits.compute import choose_device, has_fast_bfloat16, set_up
from sparse_circuits.config.autoencoders import TopK
from sparse_circuits.errors import StudyError
from sparse_circuits.sae.train import train

PYTHON = Path(".rivals/bin/python")
TARGET = 5.0

# By their defaults, and with the switch that is fastest on the device (on CPUs dictionary_learning has none). AuxK is
# on but costs the rivals nothing: within these few steps neither counts any feature as dead.
DEFAULTS = {"dictionary_learning": "defaults (fp32, AuxK 1/32)", "sae_lens": "defaults (fp32, AuxK 1)"}
FASTEST = {
    "cpu": {"sae_lens_sparse": "sparse activations, no rescaling by decoder norms"},
    "cuda": {"dictionary_learning_autocast": "bf16 autocast", "sae_lens_autocast": "bf16 autocast"},
}


@dataclass(frozen=True)
class Arguments:
    rounds: int = 5
    """rounds; each measures everything once"""
    training: Training = field(default_factory=Training)


def main(args: Arguments) -> None:
    if not PYTHON.exists():
        raise StudyError(f"{PYTHON}: no such file; run `bash benchmarks/setup_rivals.sh` first")
    training = args.training
    set_up(training.threads)
    device = choose_device(training.device)
    batches = synthetic_activations(training)
    settings = DEFAULTS | FASTEST[device.type]
    ours: list[float] = []
    product: list[float] = []
    rivals: dict[str, list[float]] = {rival: [] for rival in settings}
    libraries: dict[str, str] = {}
    for _ in tqdm(range(args.rounds), unit="round", disable=None):
        ours.append(training.tokens_per_second(time_ours(training, batches)))
        for rival, speeds in rivals.items():
            seconds, libraries[rival] = time_rival(rival, training)
            speeds.append(training.tokens_per_second(seconds))
        product.append(training.tokens_per_second(time_encoder_product(training, batches)))
    sizes = f"TopK {training.d_in} → {training.d_sae:,}, k {training.k}, batch {training.batch:,}"
    rows = [
        compare(f"{sizes}, beside {libraries[rival]}, {setting}", "tokens/s", ours, rivals[rival], TARGET)
        for rival, setting in settings.items()
    ]
    precision = "bf16" if has_fast_bfloat16(device) else "fp32"
    floor = f"{sizes}, beside its encoder's product alone, {precision}"
    publish("sae_training", device, [*rows, compare(floor, "tokens/s", ours, product, None)])


def time_ours(training: Training, batches: list[Tensor]) -> float:
    """Return the seconds that the timed steps of our trainer take."""
    pool = torch.cat(batches).double()
    device = choose_device(training.device)
    clock = Clock(batches, training, device)
    config = TopK(architecture="topk", d_sae=training.d_sae, k=training.k, batch=training.batch)
    mean_squared_norm = pool.square().sum(dim=1).mean().item()
    train(
        lambda _: clock,
        training.all_steps,
        pool.mean(dim=0).float(),
        mean_squared_norm,
        {"topk": config},
        0,
        device,
        {},
    )
    return clock.seconds


def time_rival(rival: str, training: Training) -> tuple[float, str]:
    """Return the seconds that the timed steps of a rival's trainer take, and the name and version of its library."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(training).items()]
    command = [str(PYTHON), "benchmarks/rivals_sae_training.py", f"--rival={rival}", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StudyError(f"{rival}: {(done.stderr.splitlines() or ['no message'])[-1]}; try `{' '.join(command)}`")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["torch"] != torch.__version__:
        raise StudyError(
            f"{PYTHON}: torch {result['torch']}, {torch.__version__} expected; run `bash benchmarks/setup_rivals.sh`"
        )
    return result["seconds"], result["library"]


@torch.no_grad()
def time_encoder_product(training: Training, batches: list[Tensor]) -> float:
    """Return the seconds that the encoder's product takes for the timed steps: a floor for any TopK trainer."""
    device = choose_device(training.device)
    precision = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    W_enc = torch.randn(training.d_sae, training.d_in, generator=torch.Generator().manual_seed(0))
    W_enc = W_enc.to(device, precision)
    clock = Clock([batch.to(precision) for batch in batches], training, device)
    for x in clock:
        torch.nn.functional.linear(x, W_enc)
    return clock.seconds


if __name__ == "__main__":
    program(main, Arguments)
