"""Sparse Circuits: find the few parts of a network that carry out one behaviour, and prove it by intervention."""

__version__ = "0.1.0"
