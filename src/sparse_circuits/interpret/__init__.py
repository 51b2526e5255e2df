"""What a node means."""

from sparse_circuits.interpret.tokens import token_notes

__all__ = ["token_notes"]
