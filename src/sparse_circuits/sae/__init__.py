"""Sparse autoencoders: training, evaluation, and the SAELens folder."""
