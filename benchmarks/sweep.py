"""Speed of training six TopK autoencoders together, k 16, 32 and 64 by two seeds, beside one alone.

Both are `sparse_circuits.sae.train.train_saes` on the same batches in memory, in turn, in several rounds. Speeds are
tokens per second times autoencoders, so that six which took the time of one would reach a ratio of 6.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tqdm import tqdm

from common import Training, compare, publish, synthetic_activations
from ours import time_training
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.command import program
from sparse_circuits.config.autoencoders import TopK

KS = (16, 32, 64)
SEEDS = (0, 1)
TIMES = 2.5  # the time of one that all may take together


@dataclass(frozen=True)
class Arguments:
    rounds: int = 5
    """rounds; each measures both once"""
    training: Training = field(default_factory=Training)


def main(args: Arguments) -> None:
    training = args.training
    set_up(training.threads)
    batches = synthetic_activations(training)
    shared: dict[str, Any] = {"d_sae": training.d_sae, "batch": training.batch}
    configs = {
        f"k{k} seed{seed}": TopK(architecture="topk", k=k, seed=seed, **shared) for k, seed in product(KS, SEEDS)
    }
    one = {"one": TopK(architecture="topk", k=training.k, seed=0, **shared)}
    together: list[float] = []
    alone: list[float] = []
    for _ in tqdm(range(args.rounds), unit="round", disable=None):
        alone.append(training.tokens_per_second(time_training(batches, batches, training, one)))
        seconds = time_training(batches, batches, training, configs)
        together.append(len(configs) * training.tokens_per_second(seconds))
    name = (
        f"{len(configs)} TopK {training.d_in} → {training.d_sae:,} together (k {', '.join(map(str, KS))} by "
        f"{len(SEEDS)} seeds), batch {training.batch:,}, beside one alone (k {training.k})"
    )
    row = compare(name, "tokens/s × SAEs", together, alone, len(configs) / TIMES)
    note = f"Together they take {len(configs) / row.ratio:.2f} times the time of one; {TIMES} times is the target."
    publish("sweep", choose_device(training.device), [row], [note])


if __name__ == "__main__":
    program(main)
