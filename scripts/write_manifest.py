from sparse_circuits.command import program
from sparse_circuits.steps.write_manifest import step

program(step)
