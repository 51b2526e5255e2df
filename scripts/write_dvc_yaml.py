"""Write dvc.yaml from the workflow's graph: one stage a rule and item, with the same inputs and outputs."""

import csv
import io
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import yaml

from sparse_circuits.command import program
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing

HEADER = """\
# Written by scripts/write_dvc_yaml.py from the workflow's graph (`make dvc.yaml`); a test checks that the two agree.
# Snakemake runs the work; DVC records what came out. `persist` keeps outputs in place when DVC runs a stage itself.
"""


@dataclass(frozen=True)
class Arguments:
    path: Path = Path("dvc.yaml")
    """file to write"""


def main(args: Arguments) -> None:
    with publishing(args.path) as temporary:
        temporary.write_text(HEADER + yaml.safe_dump({"stages": stages()}, sort_keys=False, width=1000))


def stages() -> dict[str, dict]:
    """Return the stages of the default study's graph."""
    command = ["snakemake", "--detailed-summary", "all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1]}")
    jobs: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: {"deps": set(), "outs": set()})
    for row in csv.DictReader(io.StringIO(done.stdout), delimiter="\t"):
        # One job, one log file; so rule and log name the job.
        job = jobs[row["rule"], row["log-file(s)"]]
        job["outs"].add(row["output_file"])
        job["deps"].update(filter(None, row["input-file(s)"].split(",")))
    return {
        _name(rule, log): {
            "cmd": f"snakemake --cores all -- {min(job['outs'])}",
            "deps": sorted(job["deps"]),
            "outs": [{path: {"persist": True}} for path in sorted(job["outs"])],
        }
        for (rule, log), job in sorted(jobs.items())
    }


def _name(rule: str, log: str) -> str:
    """A stage's name; DVC allows letters, digits, - and _."""
    return f"{rule}-{re.sub(r'[^A-Za-z0-9_]+', '-', Path(log).stem)}"


if __name__ == "__main__":
    program(main, Arguments)
