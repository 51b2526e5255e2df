from sparse_circuits.command import program
from sparse_circuits.steps.plot_figure import step

program(step)
