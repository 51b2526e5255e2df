"""Have the model write biographies of both professions and genders, or take those that somebody published."""

from sparse_circuits.command import program
from sparse_circuits.steps.write_biographies import step

program(step)
