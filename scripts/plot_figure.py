"""Draw one figure: SVG, PNG and the CSV of its data."""

from sparse_circuits.command import program
from sparse_circuits.steps.plot_figure import step

program(step)
