"""The state of a training run, saved beside its outputs so that a killed run goes on and ends in the same bytes."""

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from sparse_circuits.base.files import publishing


@dataclass
class Checkpoint:
    """Where and how often to save, and for which run: a state of another `spec` is left unread.

    `spec` must name all that decides the outcome: settings, seed, data and code.
    """

    path: Path
    spec: str
    minutes: float = 5.0
    saved: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self.saved >= 60 * self.minutes

    def save(self, step: int, trainer: nn.Module, optimizer: torch.optim.Optimizer, log: Any) -> None:
        """Publish the state after `step` steps: weights and buffers, moments, and the log."""
        tensors = {f"trainer/{name}": tensor for name, tensor in trainer.state_dict().items()}
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{number}/{name}": tensor for name, tensor in moments.items()}
        about = {"spec": self.spec, "step": str(step), "log": json.dumps(log)}
        with publishing(self.path) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=about)
        self.saved = time.monotonic()

    def load(self, trainer: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> tuple[int, Any]:
        """Bring both to the saved state, in place; return the number of steps done and the log, None if unsaved."""
        if not self.path.exists():
            return 0, None
        try:
            with safe_open(self.path, framework="pt", device=str(device)) as file:
                about = file.metadata() or {}
                if about.get("spec") != self.spec:
                    return 0, None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError:
            return 0, None
        trainer.load_state_dict({name: tensors[f"trainer/{name}"] for name in trainer.state_dict()})
        state = optimizer.state_dict()
        state["state"] = {}
        for name, tensor in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "optimizer":
                number, _, key = rest.partition("/")
                state["state"].setdefault(int(number), {})[key] = tensor
        optimizer.load_state_dict(state)
        return int(about["step"]), json.loads(about["log"])


@dataclass(frozen=True)
class Resumption:
    """How a run that was stopped goes on: part of a training program's arguments."""

    state: Path | None = None
    """where to keep the state of training, from which a run that was stopped goes on; by default nowhere"""
    save_every: float = 5.0  # minutes between two savings of the state

    def checkpoint(self, *decisive: Any) -> Checkpoint | None:
        """Return where this run is saved; `decisive` is all that decides its outcome, as JSON values."""
        if self.state is None:
            return None
        spec = json.dumps(decisive, sort_keys=True)
        return Checkpoint(self.state, hashlib.sha256(spec.encode()).hexdigest(), self.save_every)

    def end(self) -> None:
        """Remove the state of a run that is done."""
        if self.state:
            self.state.unlink(missing_ok=True)


@contextmanager
def told_to_stop() -> Iterator[list[int]]:
    """Yield a list that a SIGTERM appends to, instead of ending the process at once."""
    signals: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, before)
