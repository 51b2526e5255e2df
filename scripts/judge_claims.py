"""Test a file of claims on a model and on those that were edited, and write the verdicts."""

from sparse_circuits.command import program
from sparse_circuits.steps import judge_claims

if __name__ == "__main__":
    program(judge_claims.step)
