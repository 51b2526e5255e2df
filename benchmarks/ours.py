"""Our side of the benchmarks of training: the trainer as the pipeline calls it, timed."""

from collections.abc import Iterable, Mapping
from statistics import NormalDist
from unittest import mock

import torch
from torch import Tensor

from common import Clock, Training
from sparse_circuits.compute import choose_device
from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.architectures import TRAINERS
from sparse_circuits.sae.architectures.gated import GatedTrainer
from sparse_circuits.sae.architectures.jumprelu import JumpReLUTrainer
from sparse_circuits.sae.train import train
from sparse_circuits.sae.units import Units


def time_training(
    fed: Iterable[Tensor],
    batches: list[Tensor],
    training: Training,
    configs: Mapping[str, Trained],
    active: int | None = None,
) -> float:
    """Return the seconds that the timed steps of `train` take on what `fed` yields; `batches` tell the units.

    With `active`, JumpReLU and gated autoencoders start with about so many features a row. Pre-activations are about
    normal then, with a deviation of the length of the encoder's rows.
    """
    device = choose_device(training.device)
    clock = Clock(fed, training, device)
    pool = torch.cat(batches).float()
    units = Units.of([pool.mean(dim=0)], [pool.square().sum(dim=1).mean().item()])
    limit = NormalDist().inv_cdf(1 - active / training.d_sae) if active else None

    class FewJumps(JumpReLUTrainer):
        def add_weights(self) -> None:
            super().add_weights()
            self.threshold.data.fill_(self.START_NORM * limit)

    class FewOpenGates(GatedTrainer):
        def add_weights(self) -> None:
            super().add_weights()
            self.b_enc.data.fill_(-self.START_NORM * limit)

    with mock.patch.dict(TRAINERS, {"jumprelu": FewJumps, "gated": FewOpenGates} if limit else {}):
        train(lambda _: clock, training.all_steps, units, configs, 0, device, {})
    return clock.seconds
