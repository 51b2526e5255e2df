"""Stop where the model cannot do what the study asks, or the activation cache takes more disk than there is."""

from sparse_circuits.command import program
from sparse_circuits.steps.plan_cache import step

program(step)
