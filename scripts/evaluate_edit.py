"""Judge an edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""

from sparse_circuits.command import program
from sparse_circuits.steps.evaluate_edit import step

program(step)
