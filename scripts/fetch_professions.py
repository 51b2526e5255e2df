"""Fetch lists of professions and write them as one, with stereotypes and shares of women."""

from sparse_circuits.command import program
from sparse_circuits.steps.fetch_professions import step

program(step)
