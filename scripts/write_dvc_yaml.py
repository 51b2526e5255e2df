"""Write a study's dvc.yaml from the workflow's graph: a stage a rule and item, with the same inputs and outputs."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.versions.graph import read_graph
from sparse_circuits.versions.stages import stages_folder, write_dvc_yaml


@dataclass(frozen=True)
class Arguments:
    study: Path | None = None
    """file of the study; by default the one that config/config.yaml names"""
    path: Path | None = None
    """file to write; by default dvc.yaml for the default study, dvc/<study>/dvc.yaml for another"""


def main(args: Arguments) -> None:
    """Write a study's dvc.yaml from the workflow's graph: a stage a rule and item, with the same inputs and outputs."""
    graph = read_graph(args.study)
    write_dvc_yaml(graph, args.path or stages_folder(graph.study.study, graph.is_default) / "dvc.yaml")


if __name__ == "__main__":
    program(main)
