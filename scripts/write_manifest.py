"""Write manifest.json and stats.json of an activation cache."""

from sparse_circuits.command import program
from sparse_circuits.steps import write_manifest

if __name__ == "__main__":
    program(write_manifest.step)
