"""Have the model write biographies of both professions and genders, or take those that somebody published."""

from sparse_circuits.command import program
from sparse_circuits.steps import write_biographies

if __name__ == "__main__":
    program(write_biographies.step)
