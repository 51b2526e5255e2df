"""Put a circuit to the proof: what each node does, hypothesis tests, stability, controls on which it must fail."""

from sparse_circuits.command import program
from sparse_circuits.steps import prove_circuit

if __name__ == "__main__":
    program(prove_circuit.step)
