"""Sparse Circuits: find the few parts of a network that carry out one behaviour, and prove it by intervention."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_circuits.api.activations import CachedActivations as CachedActivations
    from sparse_circuits.api.circuit import FoundCircuit as FoundCircuit
    from sparse_circuits.api.circuit import find_circuit as find_circuit
    from sparse_circuits.api.edit import KeptEdit as KeptEdit
    from sparse_circuits.api.features import active_features as active_features
    from sparse_circuits.api.features import rewritten as rewritten
    from sparse_circuits.api.load import load as load
    from sparse_circuits.models.load import Model as Model

__version__ = "0.1.0"

_FOUND_IN = {
    "FoundCircuit": "api.circuit",
    "CachedActivations": "api.activations",
    "KeptEdit": "api.edit",
    "Model": "models.load",
    "active_features": "api.features",
    "find_circuit": "api.circuit",
    "load": "api.load",
    "rewritten": "api.features",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: `import sparse_circuits` stays fast.

    By name, since every program imports this package: none computes with it, and none's fingerprint has it.
    """
    if name in _FOUND_IN:
        return getattr(import_module(f"sparse_circuits.{_FOUND_IN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
