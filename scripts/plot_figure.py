"""Draw one figure: SVG, PNG and the CSV of its data."""

from sparse_circuits.command import program
from sparse_circuits.steps import plot_figure

if __name__ == "__main__":
    program(plot_figure.step)
