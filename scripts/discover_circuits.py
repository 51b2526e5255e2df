"""Cluster described tokens, find a circuit for every cluster, and judge it on held-out members."""

from sparse_circuits.command import program
from sparse_circuits.steps.discover_circuits import step

program(step)
