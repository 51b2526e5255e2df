"""Bringing a clone to what was recorded: pull, check every byte, then tell Snakemake that the files are done."""

import json
import subprocess
from pathlib import Path
from typing import Any

from sparse_circuits.errors import StudyError

# Snakemake would see files in the order in which they were pulled, and rerun what is older than its inputs. Touching
# all of them in the order of the graph also makes it note settings and code, without which later edits go unseen.
TOUCH = ("snakemake", "--quiet", "all", "--touch", "--forceall")


def restore(study: Path | None = None) -> None:
    """Pull a study's artefacts, check that they are those recorded, and have Snakemake take them as made.

    Raises StudyError naming the files when one is not as recorded; then nothing is touched.
    """
    _run("dvc", "pull", "--allow-missing")
    status = json.loads(_run("dvc", "status", "--json").stdout or "{}")
    if wrong := sorted(_wrong(status)):
        listed = ", ".join(wrong[:10]) + (f" and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise StudyError(f"not as recorded, nothing was touched: {listed}")
    configfile = ["--configfile", str(study)] if study else []
    _run(*TOUCH, *configfile, "--", "snapshot")


def _wrong(status: dict[str, list[Any]]) -> set[str]:
    """What DVC finds changed, but for artefacts that are kept out of the remote."""
    changes = [change for stage in status.values() for change in stage if isinstance(change, dict)]
    found = {
        (path, state)
        for change in changes
        for kind in ("changed outs", "changed deps")
        for path, state in change.get(kind, {}).items()
        if isinstance(state, str)
    }
    wrong = {path for path, state in found if not (state == "deleted" and _kept_out(path))}
    for stage, stage_changes in status.items():
        if any(change == "changed command" or "always changed" in str(change) for change in stage_changes):
            wrong.add(f"the command of {stage}")
    for change in changes:
        wrong |= {key for key in change if key not in ("changed outs", "changed deps")}
        wrong |= {path for path, state in change.get("changed deps", {}).items() if not isinstance(state, str)}
    return wrong


def _kept_out(path: str) -> bool:
    return Path(path).name.startswith("shard-")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        last = next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no message")
        raise StudyError(f"`{' '.join(command)}` failed: {last}")
    return done
