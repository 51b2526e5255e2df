"""Our side of the benchmarks of training: the trainer as the pipeline calls it, timed."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from common import Clock, Training
from sparse_circuits.compute import choose_device
from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.train import train
from sparse_circuits.sae.units import Units


def time_training(
    fed: Iterable[Tensor], batches: list[Tensor], training: Training, configs: Mapping[str, Trained]
) -> float:
    """Return the seconds that the timed steps of `train` take on what `fed` yields; `batches` tell the units."""
    device = choose_device(training.device)
    clock = Clock(fed, training, device)
    pool = torch.cat(batches).float()
    units = Units.of([pool.mean(dim=0)], [pool.square().sum(dim=1).mean().item()])
    train(lambda _: clock, training.all_steps, units, configs, 0, device, {})
    return clock.seconds
