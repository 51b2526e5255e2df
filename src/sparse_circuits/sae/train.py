"""Training one sparse autoencoder on a stream of activations."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.errors import StudyError
from sparse_circuits.sae.architectures import TRAINERS
from sparse_circuits.sae.autoencoder import SparseAutoencoder

LOG_EVERY = 10  # steps
LOG_COLUMNS = ("step", "tokens", "fvu", "l0", "learning_rate")
WARM_UP = 0.05  # share of the steps in which the learning rate rises from 0
DECAY = 0.5  # share of the steps, at the end, in which it falls to 0


@dataclass(frozen=True)
class Result:
    """A trained autoencoder, the share of the last epoch's rows that each feature fired on, and the log."""

    sae: SparseAutoencoder
    firing_share: Tensor
    log: list[dict[str, Any]]


def train(
    batches: Iterable[Tensor],
    steps: int,
    mean: Tensor,
    mean_squared_norm: float,
    config: Trained,
    seed: int,
    device: torch.device,
    metadata: dict[str, Any],
) -> Result:
    """Train on `batches` (row, d_in), `steps` of them, of data with the given mean (d_in,) and mean squared norm.

    Adam on fp32 weights. Raises StudyError with step and loss when the loss is no longer a number.
    """
    d_in = len(mean)
    variance = mean_squared_norm - mean.double().square().sum().item()
    scale = (variance / d_in) ** 0.5
    trainer = TRAINERS[config.architecture](d_in, config, torch.Generator().manual_seed(seed)).to(device)
    optimizer = torch.optim.Adam(trainer.parameters(), lr=config.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_share(step, steps))
    centre = mean.to(device)
    fired = torch.zeros(config.d_sae, dtype=torch.int64, device=device)
    last_epoch = steps - steps // config.epochs
    log: list[dict[str, Any]] = []
    for step, batch in enumerate(tqdm(batches, total=steps, desc="train", unit="step", disable=None)):
        x = (batch.to(device).float() - centre) / scale
        now = trainer(x, step / steps)
        optimizer.zero_grad(set_to_none=True)
        now.loss.backward()
        optimizer.step()
        schedule.step()
        trainer.after_step(now.fired, len(x))
        if step >= last_epoch:
            fired += now.fired
        if step % LOG_EVERY == 0 or step == steps - 1:
            loss, l0 = now.loss.item(), now.fired.sum().item() / len(x)
            if not math.isfinite(loss):
                raise StudyError(f"training diverged at step {step}: loss {loss}; lower learning_rate")
            # In these units the data's variance is 1 a dimension: the mean square is the share left unexplained.
            fvu = now.residual.square().mean().item()
            entry = (step, (step + 1) * config.batch, round(fvu, 6), round(l0, 3), schedule.get_last_lr()[0])
            log.append(dict(zip(LOG_COLUMNS, entry, strict=True)))
    rows = (steps - last_epoch) * config.batch
    return Result(trainer.export(mean.to(device), scale, metadata), fired / rows, log)


def _learning_rate_share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / max(1, WARM_UP * steps), (steps - step) / max(1, DECAY * steps))
