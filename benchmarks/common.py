"""What the benchmarks share: facts of the machine, synthetic activations, a clock, result files."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from sparse_circuits.base.compute import choose_device, has_fast_bfloat16
from sparse_circuits.base.files import write_json
from sparse_circuits.base.machine import cores, cpu_name

RESULTS = Path("results/benchmarks")

Architecture = Literal["topk", "batch_topk", "jumprelu", "gated"]


@dataclass(frozen=True)
class Row:
    """One comparison: `value` (ours) and `rival`, medians over the rounds; `ratio`, the median of each round's."""

    name: str
    value: float
    unit: str
    rival: float
    ratio: float
    target: float | None

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.ratio >= self.target


def compare(name: str, unit: str, ours: Sequence[float], rival: Sequence[float], target: float | None) -> Row:
    """Compare speeds measured in turn, one of each a round.

    The two of one round met the same load of the machine, so the ratio is taken round by round.
    """
    ratio = statistics.median(a / b for a, b in zip(ours, rival, strict=True))
    medians = (round(statistics.median(speeds), 1) for speeds in (ours, rival))
    return Row(name, next(medians), unit, next(medians), round(ratio, 3), target)


@dataclass(frozen=True)
class Claim:
    """One thing that is to hold: a measured `value` and the `target` that it must reach, from below or from above."""

    name: str
    value: float
    unit: str
    target: float
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(frozen=True)
class Table:
    """Measurements side by side: a title, names of columns, rows of words and numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]


def machine(device: torch.device) -> dict[str, Any]:
    """Return what the numbers depend on, in words that say nothing of when and where."""
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "fast_bfloat16": has_fast_bfloat16(device),
        "torch": torch.__version__,
    }


def publish(name: str, device: torch.device, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the comparisons and write results/benchmarks/<name>.json; each note becomes a line under the table."""
    written = [{**asdict(row), "holds": row.holds} for row in rows]
    print("\n".join([*table(written), *notes]))
    write_json(RESULTS / f"{name}.json", {"machine": machine(device), "rows": written, "notes": notes})


def publish_findings(name: str, device: torch.device, claims: Sequence[Claim], tables: Sequence[Table]) -> None:
    """Print claims and tables and write results/benchmarks/<name>.json."""
    written = [{**asdict(claim), "holds": claim.holds} for claim in claims]
    found = {"rows": written, "tables": [asdict(part) for part in tables]}
    print("\n".join(findings(found)))
    write_json(RESULTS / f"{name}.json", {"machine": machine(device), **found})


def findings(found: dict[str, Any]) -> list[str]:
    """Return the Markdown lines of claims and tables as they stand in a result file."""
    lines: list[str] = []
    for part in found["tables"]:
        lines += [f"**{part['title']}**", "", f"| {' | '.join(part['columns'])} |"]
        lines.append("|---" + "|--:" * (len(part["columns"]) - 1) + "|")
        lines += [f"| {' | '.join(map(_cell, row))} |" for row in part["rows"]]
        lines.append("")
    lines += ["| claim | measured | bound | holds |", "|---|--:|--:|---|"]
    for claim in found["rows"]:
        measured = f"{_cell(claim['value'])} {claim['unit']}".strip()
        bound = f"at {'most' if claim['at_most'] else 'least'} {claim['target']:g}"
        lines.append(f"| {claim['name']} | {measured} | {bound} | {'yes' if claim['holds'] else 'no'} |")
    return lines


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table of rows as they stand in a result file."""
    lines = ["| measured | ours | other | unit | ratio | target | holds |", "|---|--:|--:|---|--:|--:|---|"]
    for row in rows:
        target = "" if row["target"] is None else f"{row['target']:g}"
        holds = {True: "yes", False: "no", None: ""}[row["holds"]]
        numbers = f"{row['value']:,.0f} | {row['rival']:,.0f} | {row['unit']} | {row['ratio']:.2f}"
        lines.append(f"| {row['name']} | {numbers} | {target} | {holds} |")
    return lines


@dataclass(frozen=True)
class Training:
    """Training of one sparse autoencoder, the same for us and for rivals."""

    d_in: int = 576
    """width of the activations"""
    d_sae: int = 4608
    """number of features"""
    k: int = 32
    """features active at a time"""
    batch: int = 2048
    """rows a step"""
    warm_up: int = 5
    """steps before the clock starts"""
    steps: int = 20
    """steps that are timed"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N; auto takes CUDA where it is present"""
    threads: int = field(default_factory=cores)
    """CPU threads of matrix products"""

    @property
    def all_steps(self) -> int:
        """Steps a trainer takes: the clock stops when it asks for the last batch, as one who has finished the rest."""
        return self.warm_up + self.steps + 1

    def tokens_per_second(self, seconds: float) -> float:
        """Return the speed of a run whose timed steps took `seconds`."""
        return self.steps * self.batch / seconds


def synthetic_activations(training: Training, batches: int = 8) -> list[Tensor]:
    """Return batches (row, d_in) of sums of 64 of 4,096 random directions, bf16 as a cache stores them.

    Explicit seed: every process that calls this gets the same numbers.
    """
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(4096, training.d_in, generator=generator), dim=1)
    rows = batches * training.batch
    active = torch.randint(len(directions), (rows, 64), generator=generator)
    weights = torch.rand(rows, 64, generator=generator)
    sums = torch.nn.functional.embedding_bag(active, directions, mode="sum", per_sample_weights=weights)
    return list(sums.bfloat16().to(choose_device(training.device)).split(training.batch))


class Clock:
    """Hands batches to a trainer and times its steps, from its asking for one batch to its asking for another.

    Batches that run out are handed out again. So each trainer runs in its own loop, untouched, and all are timed alike:
    whole steps, warm-up left out.
    """

    def __init__(self, batches: Iterable[Tensor], training: Training, device: torch.device) -> None:
        self._batches = batches
        self._training = training
        self.device = device
        self.seconds = float("nan")

    def __iter__(self) -> Iterator[Tensor]:
        begin = 0.0
        batches = iter(self._batches)
        for step in range(self._training.all_steps):
            if step == self._training.warm_up:
                begin = now(self.device)
            if step == self._training.all_steps - 1:
                self.seconds = now(self.device) - begin
            if (batch := next(batches, None)) is None:
                batches = iter(self._batches)
                batch = next(batches)
            yield batch


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return how long some work takes, until `device` is done with it."""
    begin = now(device)
    work()
    return now(device) - begin


def now(device: torch.device) -> float:
    """Return seconds on a clock, once everything given to `device` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
