"""Probe one sparse autoencoder: what few features tell of a prompt, and which words a letter's features leave out."""

from sparse_circuits.command import program
from sparse_circuits.steps.probe_sae import step

program(step)
