"""Sparse autoencoders: training, evaluation, and the SAELens folder."""

from sparse_circuits.sae.autoencoder import SparseAutoencoder, load_autoencoder, save_autoencoder

__all__ = ["SparseAutoencoder", "load_autoencoder", "save_autoencoder"]
