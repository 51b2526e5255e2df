"""The console program `sparse-circuits`: what is not a rule of the workflow."""

from pathlib import Path

import tyro

from sparse_circuits.command import one_line_errors
from sparse_circuits.files import read_json
from sparse_circuits.report.summary import format_summary


def summary(report: tyro.conf.Positional[Path]) -> None:
    """Print the main numbers of a finished study and where its page is.

    Args:
        report: folder of the report, such as results/report/language
    """
    print(format_summary(read_json(report / "summary.json"), str(report / "index.html")))


def version() -> None:
    """Print the version."""
    from sparse_circuits import __version__

    print(__version__)


def main() -> None:
    """Run the console program."""
    with one_line_errors():
        tyro.extras.subcommand_cli_from_dict({"summary": summary, "version": version})


if __name__ == "__main__":
    main()
