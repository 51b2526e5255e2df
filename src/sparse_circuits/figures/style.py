"""One look for all figures: readable at a paper's width, colour-blind safe, the same bytes from the same data."""

import logging
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from sparse_circuits.base.files import SURROGATES, publishing

# What DejaVu Sans lacks is taken from the first of these that is on the machine and has it; an SVG names them all.
FALLBACK = [
    "DejaVu Sans", "Noto Sans CJK JP", "Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai",
    "Noto Emoji", "Symbola", "Unifont", "Unifont Upper",
]  # fmt: skip
TEXT_WIDTH = 6.75  # inches, a page of two columns
PALETTE = sns.color_palette("colorblind")
POSITIVE, NEGATIVE, NEUTRAL = PALETTE[0], PALETTE[3], (0.55, 0.55, 0.55)


def use_style() -> None:
    """Set fonts, sizes and colours for every figure that follows."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it warns of each fallback that is missing
    warnings.filterwarnings("ignore", "Glyph .* missing from font")  # drawn as boxes: see docs/how-to/graphs.md
    sns.set_theme(
        context="paper",
        style="ticks",
        palette="colorblind",
        rc={
            "font.family": ["sans-serif", *FALLBACK],
            "font.size": 8,
            "axes.labelsize": 8,
            "axes.titlesize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "figure.constrained_layout.use": True,
            # Letters stay letters (searchable, small) and identifiers inside the SVG do not change from run to run.
            "svg.fonttype": "none",
            "svg.hashsalt": "sparse-circuits",
            "savefig.dpi": 200,
        },
    )


def use_log_counts(axis: Axes) -> None:
    """Make x logarithmic, with plain numbers at 1, 2, 5, 10 and so on, or at powers of ten where those would touch."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    few = LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,))
    axis.xaxis.set_major_locator(few if high / low > 10 else MaxNLocator(4))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_formatter(NullFormatter())


def save_figure(figure: Figure, data: pd.DataFrame, stem: Path) -> None:
    """Publish a figure as <stem>.svg and <stem>.png, and its data as <stem>.csv."""
    for suffix, metadata in ((".svg", {"Date": None, "Creator": None}), (".png", {"Software": None})):
        with publishing(stem.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=metadata)
    with publishing(stem.with_suffix(".csv")) as temporary:
        data.to_csv(temporary, index=False, lineterminator="\n", errors=SURROGATES)
