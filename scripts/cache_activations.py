from sparse_circuits.command import program
from sparse_circuits.steps.cache_activations import step

program(step)
