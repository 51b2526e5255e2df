"""Cluster described tokens, find a circuit for every cluster, and judge it on held-out members."""

from sparse_circuits.command import program
from sparse_circuits.steps import discover_circuits

if __name__ == "__main__":
    program(discover_circuits.step)
