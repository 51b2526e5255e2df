"""Our side of the benchmarks of training: the trainer as the pipeline calls it, timed."""

from collections.abc import Iterable, Mapping
from statistics import NormalDist
from unittest import mock

import torch
from torch import Tensor

from common import Clock, Training
from sparse_circuits.base.compute import choose_device
from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.architectures.gated import GatedTrainer
from sparse_circuits.sae.architectures.jumprelu import JumpReLUTrainer
from sparse_circuits.sae.architectures.registry import TRAINERS
from sparse_circuits.sae.train import train_saes
from sparse_circuits.sae.units import Units


def time_training(
    fed: Iterable[Tensor],
    batches: list[Tensor],
    training: Training,
    configs: Mapping[str, Trained],
    active: int | None = None,
) -> float:
    """Return the seconds that the timed steps of `train_saes` take on what `fed` yields; `batches` tell the units.

    With `active`, JumpReLU and gated autoencoders start as trained ones are: rows of length 1, and about so many
    features active a row. Pre-activations are about normal then, with a deviation of 1.
    """
    device = choose_device(training.device)
    clock = Clock(fed, training, device)
    pool = torch.cat(batches).float()
    units = Units.of([pool.mean(dim=0)], [pool.square().sum(dim=1).mean().item()])
    limit = NormalDist().inv_cdf(1 - active / training.d_sae) if active else 0.0

    class FewJumps(JumpReLUTrainer):
        START_NORM = 1.0

        def add_weights(self) -> None:
            super().add_weights()
            self.threshold.data.fill_(limit)

    class FewOpenGates(GatedTrainer):
        START_NORM = 1.0

        def add_weights(self) -> None:
            super().add_weights()
            self.b_enc.data.fill_(-limit)

    with mock.patch.dict(TRAINERS, {"jumprelu": FewJumps, "gated": FewOpenGates} if active else {}):
        train_saes(lambda _: clock, training.all_steps, units, configs, 0, device, {})
    return clock.seconds
