"""Write dvc.yaml from the workflow's graph: one stage a rule and item, with the same inputs and outputs."""

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.types import DAGSettings, OutputSettings, Quietness, ResourceSettings

from sparse_circuits.command import program
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


def stages() -> dict[str, dict[str, Any]]:
    """Return the stages of the default study's graph."""
    found = {}
    for job in _jobs():
        outputs = sorted(map(str, job.output))
        if outputs:
            # One job, one log file: it names the item.
            found[_name(job.rule.name, str(job.log[0]))] = {
                "cmd": f"snakemake --cores all -- {outputs[0]}",
                "deps": sorted(set(map(str, job.input))),
                "outs": [{path: {"persist": True}} for path in outputs],
            }
    return dict(sorted(found.items()))


def _jobs() -> list[Any]:
    """Return all jobs of `rule all`."""
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("Snakefile"))
        dag = workflow.dag(dag_settings=DAGSettings(targets={"all"}))
        # The graph is built when something is asked of it, and can then be read only off the workflow itself.
        with contextlib.redirect_stdout(io.StringIO()):
            dag.printd3dag()
        return list(workflow._workflow.dag.jobs)


def _name(rule: str, log: str) -> str:
    """A stage's name; DVC allows letters, digits, - and _."""
    return f"{rule}-{re.sub(r'[^A-Za-z0-9_]+', '-', Path(log).stem)}"


if __name__ == "__main__":
    program(main, Arguments)
