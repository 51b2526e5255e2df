"""Make an edit permanent: write a model whose weights do what the edit's hooks do."""

from sparse_circuits.command import program
from sparse_circuits.steps.keep_edit import step

program(step)
