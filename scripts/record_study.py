"""Record a finished study: the hashes of its artefacts in dvc.lock, how they were made in provenance/<study>.json."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.versions.graph import read_graph
from sparse_circuits.versions.record import record


@dataclass(frozen=True)
class Arguments:
    study: Path | None = None
    """file of the study; by default the one that config/config.yaml names"""


def main(args: Arguments) -> None:
    record(read_graph(args.study))


if __name__ == "__main__":
    program(main, Arguments)
