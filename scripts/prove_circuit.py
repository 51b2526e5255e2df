"""Put a circuit to the proof: what each node does, hypothesis tests, stability, controls on which it must fail."""

from sparse_circuits.command import program
from sparse_circuits.steps.prove_circuit import step

program(step)
