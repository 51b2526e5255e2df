"""A probe that learnt gender for profession: what of it is found in its circuit, taken out, and what that helps."""

from sparse_circuits.command import program
from sparse_circuits.steps.run_shift import step

program(step)
