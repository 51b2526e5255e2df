"""Training sparse autoencoders on a stream of activations, all that share it in one pass."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.base.checkpoint import Checkpoint, told_to_stop
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.architectures.base import Step
from sparse_circuits.sae.architectures.registry import build_trainer
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.bank import Bank
from sparse_circuits.sae.cross_layer import CrossLayerTranscoder
from sparse_circuits.sae.units import Units

LOG_EVERY = 10  # steps
LOOK_EVERY = 10  # steps after which it is looked anew which features are dead
LOG_COLUMNS = ("step", "tokens", "fvu", "l0", "learning_rate")
DIVERGED = 1000.0  # times the data's variance that no useful reconstruction misses by
WARM_UP = 0.05  # share of the steps in which the learning rate rises from 0
DECAY = 0.5  # share of the steps, at the end, in which it falls to 0

Batch = Tensor | tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Result:
    """A trained autoencoder, the share of the last epoch's rows that each feature fired on, and the log."""

    sae: SparseAutoencoder | CrossLayerTranscoder
    firing_share: Tensor
    log: list[dict[str, Any]]


def train_saes(
    batches: Callable[[int], Iterable[Batch]],
    steps: int,
    reads: Units,
    configs: Mapping[str, Trained],
    seed: int,
    device: torch.device,
    metadata: Mapping[str, Any],
    checkpoint: Checkpoint | None = None,
    writes: Units | None = None,
) -> dict[str, Result]:
    """Train autoencoders, all on the same batches, for `steps` steps; `reads` are the units of the data.

    `batches` is given a step and returns the batches from that one on: rows (row, d_in), or, where transcoders are
    trained, these and what they are to predict (row, d_out), in units `writes`. Adam on fp32 weights. With a
    checkpoint, a run of the same spec that was stopped goes on where it was saved, and ends in the same bytes. Raises
    StudyError when there is no step to take; with name, step, loss and last good state when a loss is no longer a
    number, or larger than it can be; and when the process is told to end, after saving.
    """
    reads, writes = reads.to(device), writes.to(device) if writes else None
    first = next(iter(configs.values()))
    if steps < 1:
        raise StudyError(
            f"{', '.join(configs)}: the cache has not the rows of one batch of {first.batch}; lower `batch` or raise "
            "activations.tokens"
        )
    seeds = {name: seed if config.seed is None else config.seed for name, config in configs.items()}
    members = {
        name: build_trainer(config, reads.widths, (writes or reads).widths, torch.Generator().manual_seed(seeds[name]))
        for name, config in configs.items()
    }
    bank = Bank(members, device)
    optimizer = torch.optim.Adam(
        [{"params": list(members[name].parameters()), "lr": config.learning_rate} for name, config in configs.items()],
        fused=True,
    )
    begin, log = checkpoint.load(bank, optimizer, device) if checkpoint else (0, None)
    logs: dict[str, list[dict[str, Any]]] = log or {name: [] for name in configs}
    if begin and checkpoint:
        print(f"going on after {begin} of {steps} steps, from {checkpoint.path}")
    last_epoch = steps - steps // first.epochs
    progress = Progress(batches(begin), total=steps, initial=begin, desc="train", unit="step")
    with told_to_stop() as signals:
        for step, batch in enumerate(progress, begin):
            for group, config in zip(optimizer.param_groups, configs.values(), strict=True):
                group["lr"] = config.learning_rate * _learning_rate_share(step, steps)
            x, target = batch if isinstance(batch, tuple) else (batch, None)
            now = bank(
                reads.apply(x.to(device, non_blocking=True)),
                step / steps,
                writes.apply(target.to(device, non_blocking=True)) if writes and target is not None else None,
            )
            optimizer.zero_grad(set_to_none=True)
            torch.stack([one.loss for one in now.values()]).sum().backward()
            optimizer.step()
            for name, member in members.items():
                member.after_step(now[name].fired, len(x))
                if step >= last_epoch:
                    member.count_fired(now[name].fired)
                if step % LOOK_EVERY == 0:
                    member.find_dead()
            save = checkpoint is not None and (checkpoint.due or bool(signals))
            write = step % LOG_EVERY == 0 or step == steps - 1
            if save or write:
                for name, one in now.items():
                    entry = _look(name, one, step, checkpoint)
                    if write:
                        rate = configs[name].learning_rate * _learning_rate_share(step, steps)
                        entry |= {"tokens": (step + 1) * first.batch, "learning_rate": rate}
                        logs[name].append({column: entry[column] for column in LOG_COLUMNS})
            if save and checkpoint:
                checkpoint.save(step + 1, bank, optimizer, logs)
            if signals:
                kept = f"state saved in {checkpoint.path}, the next run goes on" if checkpoint else "nothing was saved"
                raise StudyError(f"told to stop after {step + 1} of {steps} steps; {kept}")
    rows = (steps - last_epoch) * first.batch
    return {
        name: Result(
            member.export(
                reads,
                writes or reads,
                {**metadata, "seed": seeds[name], "training_architecture": configs[name].architecture},
            ),
            member.fired / rows,
            logs[name],
        )
        for name, member in members.items()
    }


def _look(name: str, now: Step, step: int, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """Return what is logged of a step; raise StudyError when training has diverged."""
    # In these units the data's variance is 1 a dimension: the mean square is the share left unexplained.
    loss, fvu = now.loss.item(), now.residual.square().mean().item()
    if not math.isfinite(loss) or fvu > DIVERGED:
        state = f"; last good state: {checkpoint.path}" if checkpoint and checkpoint.path.exists() else ""
        raise StudyError(f"{name}: training diverged at step {step}: loss {loss:.4g}; lower learning_rate{state}")
    return {"step": step, "fvu": round(fvu, 6), "l0": round(now.fired.sum().item() / len(now.residual), 3)}


def _learning_rate_share(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / max(1, WARM_UP * steps), (steps - step) / max(1, DECAY * steps))
