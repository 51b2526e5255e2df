"""TopK: a reconstruction from the k features that respond most (Gao et al. 2024, arXiv 2406.04093)."""

from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.config.study import TopK
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.sparse import decode, encode_topk


class TopKTrainer(nn.Module):
    """Trainable weights, one feature a row: W_enc and W_dec (d_sae, d_in), b_enc (d_sae,), b_dec (d_in,).

    They live in units in which the data has mean 0 and variance 1 a dimension; `export` folds the units away.
    """

    def __init__(self, d_in: int, config: TopK, generator: torch.Generator) -> None:
        super().__init__()
        directions = nn.functional.normalize(torch.randn(config.d_sae, d_in, generator=generator), dim=1)
        # Encoder rows start along their decoder rows (Gao et al., appendix A.1), which leaves few features dead.
        self.W_dec = nn.Parameter(directions.clone())
        self.W_enc = nn.Parameter(directions.clone())
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        self.k = config.k

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, squared error summed over d_in and averaged over rows, and the active features (row, k)."""
        values, active = encode_topk(x, self.W_enc, self.b_enc, self.b_dec, self.k)
        error = decode(values, active, self.W_dec) + self.b_dec - x
        return error.square().sum(dim=1).mean(), active.indices

    @torch.no_grad()
    def after_step(self) -> None:
        """Bring the decoder's rows back to unit length, else activations could shrink for nothing."""
        self.W_dec.div_(torch.linalg.vector_norm(self.W_dec, dim=1, keepdim=True))

    @torch.no_grad()
    def export(self, mean: Tensor, scale: float, metadata: dict[str, Any]) -> SparseAutoencoder:
        """Return the autoencoder for data in the model's units, x = mean + scale * x': the same function."""
        return SparseAutoencoder(
            architecture="topk",
            W_enc=self.W_enc.T.contiguous(),
            b_enc=self.b_enc * scale,
            W_dec=self.W_dec.detach(),
            b_dec=self.b_dec * scale + mean,
            k=self.k,
            metadata=metadata,
        )
