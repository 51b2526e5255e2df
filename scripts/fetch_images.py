"""Fetch labelled images and write them as one HDF5 file."""

from sparse_circuits.command import program
from sparse_circuits.steps import fetch_images

if __name__ == "__main__":
    program(fetch_images.step)
