"""Write the pages of a study of weight-sparse transformers."""

from sparse_circuits.command import program
from sparse_circuits.steps import write_weight_report

if __name__ == "__main__":
    program(write_weight_report.step)
