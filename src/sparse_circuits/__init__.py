"""Sparse Circuits: find the few parts of a network that carry out one behaviour, and prove it by intervention."""

from importlib import import_module

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `load` when it is asked for: `import sparse_circuits` stays fast.

    By name, since every program imports this package: none computes with `load`, and none's fingerprint has it.
    """
    if name == "load":
        return import_module("sparse_circuits.artefacts").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
