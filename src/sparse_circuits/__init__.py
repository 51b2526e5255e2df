"""Sparse Circuits: find the few parts of a network that carry out one behaviour, and prove it by intervention."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_circuits.api.load import load as load
    from sparse_circuits.api.loaded import LoadedCircuit as LoadedCircuit
    from sparse_circuits.api.loaded import LoadedEdit as LoadedEdit
    from sparse_circuits.api.loaded import LoadedModel as LoadedModel
    from sparse_circuits.api.loaded_activations import LoadedActivations as LoadedActivations

__version__ = "0.1.0"

_FOUND_IN = {
    "load": "api.load",
    "LoadedModel": "api.loaded",
    "LoadedCircuit": "api.loaded",
    "LoadedEdit": "api.loaded",
    "LoadedActivations": "api.loaded_activations",
}


def __getattr__(name: str) -> Any:
    """Import `load` and what it returns when they are asked for: `import sparse_circuits` stays fast.

    By name, since every program imports this package: none computes with them, and none's fingerprint has them.
    """
    if name in _FOUND_IN:
        return getattr(import_module(f"sparse_circuits.{_FOUND_IN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
