"""Search for the smallest circuit that is faithful enough, and show that no node of it can go."""

from sparse_circuits.command import program
from sparse_circuits.steps.minimise_circuit import step

program(step)
