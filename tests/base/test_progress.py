"""A long job's log tells how far it is, how fast, and how long it will take; a short one's is left alone."""

import io
import itertools

import pytest

from sparse_circuits.base.progress import EVERY, Progress


def logged(monkeypatch: pytest.MonkeyPatch, seconds_a_step: float, steps: int) -> list[str]:
    stream, clock = io.StringIO(), itertools.count(0, seconds_a_step)
    monkeypatch.setattr("sys.stderr", stream)
    bar = Progress(total=steps, desc="train", unit="step")
    bar._time = lambda: next(clock)
    bar.start_t = bar.last_print_t = next(clock)
    for _ in range(steps):
        bar.update(1)
    bar.close()
    return stream.getvalue().splitlines()


def test_a_long_jobs_log_has_lines_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = logged(monkeypatch, EVERY, 10)
    assert len(lines) > 2
    assert all(line.startswith("train: ") and line.endswith("left") for line in lines)
    assert "100 %, 10 of 10 step" in lines[-1]
    assert "\r" not in "".join(lines)


def test_a_short_job_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logged(monkeypatch, EVERY / 100, 10) == []
