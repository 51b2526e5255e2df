"""Write a study's pages and its main numbers."""

from sparse_circuits.command import program
from sparse_circuits.steps import write_report

if __name__ == "__main__":
    program(write_report.step)
