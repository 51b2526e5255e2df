"""Test a file of claims on a model and on those that were edited, and write the verdicts."""

from sparse_circuits.command import program
from sparse_circuits.steps.judge_claims import step

program(step)
