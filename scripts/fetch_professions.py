"""Fetch lists of professions and write them as one, with stereotypes and shares of women."""

from sparse_circuits.command import program
from sparse_circuits.steps import fetch_professions

if __name__ == "__main__":
    program(fetch_professions.step)
