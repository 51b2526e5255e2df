"""Bringing a clone to what was recorded: pull, check every byte, then tell Snakemake that the files are done."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from sparse_circuits.base.errors import StudyError


def restore(study: Path | None = None) -> None:
    """Pull a study's artefacts, check that they are those recorded, and have Snakemake take them as made.

    Raises StudyError naming the files when one is not as recorded; then nothing is touched.
    """
    _refuse(_changed(missing_too=False))
    _run("dvc", "pull", "--allow-missing")
    _refuse(_changed(missing_too=True))
    touch("snapshot", study)


def touch(target: str, study: Path | None) -> None:
    """Have Snakemake take the files of a target as made, with the settings and code of now.

    It would see files in the order in which they came here, and rerun what is older than its inputs. Touching all of
    them in the order of the graph also makes it note settings and code, without which later edits go unseen.
    """
    _separate(Path("results"))
    configfile = ["--configfile", str(study)] if study else []
    quiet = ("--quiet", "host", "rules", "progress", "reason")  # all but what went wrong
    _run("snakemake", *quiet, "--cores", "1", "--touch", "--forceall", *configfile, "--", target)


def _separate(folder: Path) -> None:
    """Give each file its own time: DVC links files of the same bytes to one, such as a figure and the report's copy.

    Touching an output would touch an input of its rule too, and an output older than an input counts as failed.
    """
    seen: set[tuple[int, int]] = set()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        status = path.stat()
        inode = (status.st_dev, status.st_ino)
        if inode in seen:
            copied = path.with_name(f".{path.name}.copied")
            shutil.copy2(path, copied)
            os.replace(copied, path)
        seen.add(inode)


def _refuse(wrong: list[str]) -> None:
    if wrong:
        listed = ", ".join(wrong[:10]) + (f" and {len(wrong) - 10} more" if len(wrong) > 10 else "")
        raise StudyError(f"not as recorded, nothing was touched: {listed}")


def _changed(missing_too: bool) -> list[str]:
    """The files, settings and commands that DVC finds changed; files that are not here only if asked for.

    Shards may always be missing: they need not be in the remote, and can be computed anew.
    """
    status = json.loads(_run("dvc", "status", "--json").stdout or "{}")
    found: set[str] = set()
    for stage, changes in status.items():
        for change in changes:
            if isinstance(change, str):
                found.add(f"{stage} ({change})")
                continue
            for path in (path for kind in change.values() for path in kind):
                excused = Path(path).name.startswith("shard-") or not missing_too
                if Path(path).exists() or not excused:
                    found.add(path)
    return sorted(found)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        wrong = [n for n, line in enumerate(lines) if "error" in line.lower() or "exception" in line.lower()]
        # What is wrong may stand on the lines after the error's name.
        told = " ".join(line.strip() for line in lines[wrong[-1] if wrong else -1 :]) or "no message"
        raise StudyError(f"`{' '.join(command)}` failed: {told}")
    return done
