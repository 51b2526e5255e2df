"""Why a job failed stands at the end of a run."""

from pathlib import Path

import pytest

from sparse_circuits.base.failures import why_failed
from sparse_circuits.base.machine import RAN_ON

KILLED = "error: it was killed before it said anything; out of memory?"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (f"{RAN_ON}{{}}\nWarning: slow\nerror: a.jsonl, line 3: no `clean`\n", "error: a.jsonl, line 3: no `clean`"),
        ("Traceback (most recent call last):\n  File x\nRuntimeError: shapes\n\n", "RuntimeError: shapes"),
        (f"{RAN_ON}{{}}\n", KILLED),
        ("", KILLED),
        (None, KILLED),
    ],
    ids=["error", "traceback", "killed at the start", "empty", "no log"],
)
def test_a_failed_job_is_told_by_its_error_its_last_line_or_its_silence(
    log: str | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.log"
    if log is not None:
        path.write_text(log)
    assert why_failed("make_task", [path]) == f"make_task failed, {path}:\n{told}"
