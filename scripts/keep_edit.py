"""Make an edit permanent: write a model whose weights do what the edit's hooks do."""

from sparse_circuits.command import program
from sparse_circuits.steps import keep_edit

if __name__ == "__main__":
    program(keep_edit.step)
