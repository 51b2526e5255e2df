"""Sparse Circuits: find the few parts of a network that carry out one behaviour, and prove it by intervention."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `load` when it is asked for: `import sparse_circuits` stays fast."""
    if name == "load":
        from sparse_circuits.artefacts import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
