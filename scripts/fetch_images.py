"""Fetch labelled images and write them as one HDF5 file."""

from sparse_circuits.command import program
from sparse_circuits.steps.fetch_images import step

program(step)
