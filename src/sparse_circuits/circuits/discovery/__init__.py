"""Circuits found without a task: well predicted tokens, clustered by the features that bring them about."""
