"""Testing what is claimed of a model."""
