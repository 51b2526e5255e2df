"""The settings of each step and of the sections of a study. No tensors here, so that reading them is fast."""
