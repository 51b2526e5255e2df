from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.plot_figure import PlotFigure
from sparse_circuits.figures.registry import FIGURES
from sparse_circuits.figures.style import save_figure, use_style


@dataclass(frozen=True)
class Files:
    data: list[Path]  # the artefacts it is drawn from
    svg: Path  # SVG file to write, with PNG and CSV beside it


def step(files: Files, settings: PlotFigure) -> None:
    """Draw one figure: SVG, PNG and the CSV of its data."""
    if settings.kind not in FIGURES:
        raise StudyError(f"no kind of figure is called {settings.kind}; there are {', '.join(FIGURES)}")
    use_style()
    figure, data = FIGURES[settings.kind](files.data)
    save_figure(figure, data, files.svg.with_suffix(""))
