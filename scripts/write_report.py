"""Write a study's pages and its main numbers."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import program
from sparse_circuits.report.page import Found, write_pages


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    headline_task: str
    """task whose numbers stand first"""
    circuits: list[Path]
    """circuit.json of each circuit, beside its evaluation.json"""
    figures: list[Path]
    """PNG files of the figures, in their order on the page, with SVG and CSV beside them"""
    folder: Path
    """folder to write"""
    command: str
    """how Snakemake is called for the study; pages add the path of an artefact"""
    saes: list[Path] = field(default_factory=list)
    """evaluation.json of each autoencoder, beside its other files"""
    interpretations: list[Path] = field(default_factory=list)
    """what nodes do: <site>.json, then <site>.labels.json"""
    edits: list[Path] = field(default_factory=list)
    """evaluation.json of each edit"""
    claims: list[Path] = field(default_factory=list)
    """verdicts on the study's claims"""
    graphs: list[Path] = field(default_factory=list)
    """attribution graphs of prompts"""
    images: Path | None = None
    """HDF5 file of the corpus, of a study of images"""
    artefacts: list[Path] = field(default_factory=list)
    """files to list with their hashes; proofs are shown when they are among them"""


def main(args: Arguments) -> None:
    found = Found(
        args.study,
        args.headline_task,
        args.saes,
        args.circuits,
        args.interpretations,
        args.edits,
        args.claims,
        args.figures,
        args.artefacts,
        args.command,
        args.graphs,
        args.images,
    )
    write_pages(found, args.folder)


if __name__ == "__main__":
    program(main, Arguments)
