"""Write the pages of a study of weight-sparse transformers."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.report.weights import FoundWeights, write_weight_pages


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    models: list[Path]
    """losses.json of each model"""
    prunings: list[Path]
    """pruning.json of each task and model, beside its circuit.json"""
    explanations: list[Path]
    """explanation.json of the circuits that get a page, beside their circuit.json"""
    figures: list[Path]
    """PNG files of the figures, in their order on the page, with SVG and CSV beside them"""
    folder: Path
    """folder to write"""
    command: str
    """how Snakemake is called for the study; pages add the path of an artefact"""
    artefacts: list[Path] = field(default_factory=list)
    """files to list with their hashes"""


def main(args: Arguments) -> None:
    found = FoundWeights(
        args.study, args.models, args.prunings, args.explanations, args.figures, args.artefacts, args.command
    )
    write_weight_pages(found, args.folder)


if __name__ == "__main__":
    program(main, Arguments)
