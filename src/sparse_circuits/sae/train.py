"""Training one sparse autoencoder on a stream of activations."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.errors import StudyError
from sparse_circuits.sae.architectures import TRAINERS
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.checkpoint import Checkpoint, told_to_stop

LOG_EVERY = 10  # steps
LOG_COLUMNS = ("step", "tokens", "fvu", "l0", "learning_rate")
DIVERGED = 1000.0  # times the data's variance that no useful reconstruction misses by
WARM_UP = 0.05  # share of the steps in which the learning rate rises from 0
DECAY = 0.5  # share of the steps, at the end, in which it falls to 0


@dataclass(frozen=True)
class Result:
    """A trained autoencoder, the share of the last epoch's rows that each feature fired on, and the log."""

    sae: SparseAutoencoder
    firing_share: Tensor
    log: list[dict[str, Any]]


def train(
    batches: Callable[[int], Iterable[Tensor]],
    steps: int,
    mean: Tensor,
    mean_squared_norm: float,
    config: Trained,
    seed: int,
    device: torch.device,
    metadata: dict[str, Any],
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Train for `steps` steps on data with the given mean (d_in,) and mean squared norm.

    `batches` is given a step and returns the batches (row, d_in) from that one on. Adam on fp32 weights. With a
    checkpoint, a run of the same spec that was stopped goes on where it was saved, and ends in the same bytes. Raises
    StudyError with step, loss and last good state when the loss is no longer a number, or larger than it can be; and
    when the process is told to end, after saving.
    """
    d_in = len(mean)
    variance = mean_squared_norm - mean.double().square().sum().item()
    scale = (variance / d_in) ** 0.5
    trainer = TRAINERS[config.architecture](d_in, config, torch.Generator().manual_seed(seed)).to(device)
    optimizer = torch.optim.Adam(trainer.parameters(), lr=config.learning_rate, fused=True)
    centre = mean.to(device)
    fired = torch.zeros(config.d_sae, dtype=torch.int64, device=device)
    begin, log = checkpoint.load(trainer, optimizer, fired) if checkpoint else (0, [])
    last_epoch = steps - steps // config.epochs
    progress = tqdm(batches(begin), total=steps, initial=begin, desc="train", unit="step", disable=None)
    with told_to_stop() as signals:
        for step, batch in enumerate(progress, begin):
            rate = config.learning_rate * _learning_rate_share(step, steps)
            optimizer.param_groups[0]["lr"] = rate
            x = (batch.to(device).float() - centre) / scale
            now = trainer(x, step / steps)
            optimizer.zero_grad(set_to_none=True)
            now.loss.backward()
            optimizer.step()
            trainer.after_step(now.fired, len(x))
            if step >= last_epoch:
                fired += now.fired
            save = checkpoint is not None and (checkpoint.due or bool(signals))
            if save or step % LOG_EVERY == 0 or step == steps - 1:
                # In these units the data's variance is 1 a dimension: the mean square is the share left unexplained.
                loss, fvu = now.loss.item(), now.residual.square().mean().item()
                if not math.isfinite(loss) or fvu > DIVERGED:
                    state = f"; last good state: {checkpoint.path}" if checkpoint and checkpoint.path.exists() else ""
                    raise StudyError(f"training diverged at step {step}: loss {loss:.4g}; lower learning_rate{state}")
            if step % LOG_EVERY == 0 or step == steps - 1:
                l0 = now.fired.sum().item() / len(x)
                entry = (step, (step + 1) * config.batch, round(fvu, 6), round(l0, 3), rate)
                log.append(dict(zip(LOG_COLUMNS, entry, strict=True)))
            if save and checkpoint:
                checkpoint.save(step + 1, trainer, optimizer, fired, log)
            if signals:
                kept = f"state saved in {checkpoint.path}, the next run goes on" if checkpoint else "nothing was saved"
                raise StudyError(f"told to stop after {step + 1} of {steps} steps; {kept}")
    rows = (steps - last_epoch) * config.batch
    return Result(trainer.export(centre, scale, metadata), fired / rows, log)


def _learning_rate_share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / max(1, WARM_UP * steps), (steps - step) / max(1, DECAY * steps))
