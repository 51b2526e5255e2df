"""Changing what a model does: edits of its activations, how they are chosen and judged, and models that keep them."""
