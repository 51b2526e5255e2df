"""What a node means."""

from sparse_circuits.interpret.labels import read_labels
from sparse_circuits.interpret.tokens import token_notes

__all__ = ["read_labels", "token_notes"]
