"""The console program `sparse-circuits`: what is not a rule of the workflow."""

import json
from pathlib import Path
from typing import Literal

import tyro

from sparse_circuits.artefacts.study_summary import StudySummary
from sparse_circuits.base.wording import count
from sparse_circuits.command import one_line_errors, print_any_text
from sparse_circuits.report.summary import format_summary
from sparse_circuits.versions.collect import collect
from sparse_circuits.versions.crate import write_crate
from sparse_circuits.versions.restore import restore
from sparse_circuits.versions.trace import format_trace, trace


def summary_command(report: tyro.conf.Positional[Path]) -> None:
    """Print the main numbers of a finished study and where its page is.

    Args:
        report: folder of the report, such as results/report/language
    """
    print(format_summary(StudySummary.read(report / "summary.json"), str(report / "index.html")))


def trace_command(artefact: tyro.conf.Positional[Path], as_json: bool = False) -> None:
    """Print what an artefact came from: every job, with its command, hashes, time and machine, and sources' licences.

    Args:
        artefact: file under results/
        as_json: print JSON
    """
    found = trace(artefact)
    print(json.dumps(found, indent=1) if as_json else format_trace(found))


def restore_command(study: Path | None = None) -> None:
    """Bring a clone to what was recorded: pull the artefacts, check them, and tell Snakemake that they are done.

    Args:
        study: file of the study; by default the one that config/config.yaml names
    """
    restore(study)


def collect_command(bucket: tyro.conf.Positional[str], endpoint: str | None = None, study: Path | None = None) -> None:
    """Bring home what a run with profiles/kubernetes left in its bucket; then `snakemake snapshot` records it.

    Args:
        bucket: the profile's default-storage-prefix, such as s3://sparse-circuits
        endpoint: address of an S3 server other than Amazon's
        study: file of the study; by default the one that config/config.yaml names
    """
    print(count(collect(bucket, endpoint, study), "file"))


def crate(study: tyro.conf.Positional[str], folder: Path) -> None:
    """Export a recorded study as an RO-Crate: its results with who made what from what, as linked data.

    Args:
        study: name of the study
        folder: new folder of the crate
    """
    write_crate(study, folder)
    print(folder)


def export_command(
    file: tyro.conf.Positional[Path], format: Literal["neuronpedia", "graphml", "csv"], to: Path
) -> None:
    """Write a circuit or an attribution graph for other programs.

    Args:
        file: a circuit.json or graph.json
        format: neuronpedia (circuit-tracer's viewer opens it too), graphml or csv
        to: folder of the new files
    """
    from sparse_circuits.circuits.exports.registry import export

    for path in export(file, format, to):
        print(path)


def doctor_command(configfile: Path | None = None) -> None:
    """Check Python, packages, disk, memory, GPU, SLURM and the DVC remote; say what is wrong and how to mend it.

    Args:
        configfile: file of a study, of which disk and memory are to be checked; by default the default study
    """
    from sparse_circuits.doctor import examine, format_findings

    findings = examine(configfile)
    print(format_findings(findings))
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)


def version() -> None:
    """Print the version."""
    from sparse_circuits import __version__

    print(__version__)


def main() -> None:
    """Run the console program."""
    print_any_text()
    with one_line_errors():
        tyro.extras.subcommand_cli_from_dict(
            {
                "summary": summary_command,
                "trace": trace_command,
                "restore": restore_command,
                "collect": collect_command,
                "crate": crate,
                "export": export_command,
                "doctor": doctor_command,
                "version": version,
            }
        )


if __name__ == "__main__":
    main()
