"""Write a study's page and its main numbers."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.files import read_json, write_json
from sparse_circuits.report import summarise, write_page


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    headline_task: str
    """task whose numbers stand first"""
    saes: list[Path]
    """evaluations of autoencoders"""
    circuits: list[Path]
    """evaluations of circuits"""
    figures: list[Path]
    """PNG files of the figures, in their order on the page"""
    page: Path
    """HTML file to write"""
    summary: Path
    """JSON file to write"""


def main(args: Arguments) -> None:
    saes, circuits = ([read_json(path) for path in paths] for paths in (args.saes, args.circuits))
    summary = summarise(args.study, args.headline_task, saes, circuits)
    write_json(args.summary, summary)
    write_page(summary, args.figures, args.page)


if __name__ == "__main__":
    program(main, Arguments)
