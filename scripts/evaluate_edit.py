"""Judge an edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""

from sparse_circuits.command import program
from sparse_circuits.steps import evaluate_edit

if __name__ == "__main__":
    program(evaluate_edit.step)
