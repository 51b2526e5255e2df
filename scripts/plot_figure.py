"""Draw one figure: SVG, PNG and the CSV of its data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sparse_circuits.command import program
from sparse_circuits.figures.registry import FIGURES
from sparse_circuits.figures.style import save_figure, use_style


@dataclass(frozen=True)
class Arguments:
    figure: Literal[
        "sae_quality",
        "training",
        "pareto",
        "faithfulness",
        "overlap",
        "stability",
        "circuit",
        "frontier",
        "weight_circuit",
        "carried",
        "edit",
        "shift",
        "counterfactuals",
        "strips",
        "twins",
        "runtime",
    ]
    """which figure"""
    data: list[Path]
    """the artefacts it is drawn from"""
    stem: Path
    """where to write, without suffix"""


def main(args: Arguments) -> None:
    use_style()
    figure, data = FIGURES[args.figure](args.data)
    save_figure(figure, data, args.stem)


if __name__ == "__main__":
    program(main, Arguments)
