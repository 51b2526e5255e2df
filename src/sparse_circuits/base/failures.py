"""Why a job failed, in a few lines, for the end of a run: `--quiet rules` hides what Snakemake itself says of it."""

from collections.abc import Iterable
from pathlib import Path

from sparse_circuits.base.machine import RAN_ON


def why_failed(job: str, logs: Iterable[str | Path]) -> str:
    """Return a job's `error:` lines with the path of each log; where there is none, the last line that it left."""
    return "\n".join(f"{job} failed, {log}:\n{_reason(Path(log))}" for log in logs)


def _reason(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(RAN_ON)]
    errors = [line for line in lines if line.startswith("error: ")]
    return "\n".join(errors or lines[-1:]) or "error: it was killed before it said anything; out of memory?"
