"""Several autoencoders on the same rows: one encoder product for all of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.sae.architectures.base import Architecture, Step
from sparse_circuits.sae.architectures.cross_layer import CrossLayer
from sparse_circuits.sae.sparse import pre_activations, runs_on_kernels


class Bank(nn.Module):
    """Trainers by name, on one device; those that read the same have their encoders in one matrix, which they share."""

    def __init__(self, members: Mapping[str, Architecture[Any] | CrossLayer], device: torch.device) -> None:
        super().__init__()
        self.members = [member.to(device) for member in members.values()]
        self.names = list(members)
        for name, member in members.items():
            self.add_module(name.replace(".", ","), member)  # module names hold no dots
        # One alone has less to do by itself: its rows are centred anyway.
        sharing = [member for member in self.members if isinstance(member, Architecture) and len(members) > 1]
        self._sharing = sharing
        if sharing:
            self._together = torch.cat([member.W_enc.data for member in sharing])
            self._widths = [len(member.W_enc) for member in sharing]
            for member, part in zip(sharing, self._together.split(self._widths), strict=True):
                member.W_enc.data = part

    def forward(self, x: Tensor, progress: float, target: Tensor | None = None) -> dict[str, Step]:
        """Return the step of each on rows x (row, d_in); `progress` is the share of training done.

        `target` (row, d_out) is what transcoders are to predict.
        """
        return {
            name: member(x, progress, dense, target)
            for name, member, dense in zip(self.names, self.members, self._pre_activations(x), strict=True)
        }

    @torch.no_grad()
    def _pre_activations(self, x: Tensor) -> list[Tensor | None]:
        """Each one's (row, d_sae), or None where it is to compute them."""
        if not self._sharing or runs_on_kernels(x):  # there, one's own product fills the device and finds the largest
            return [None] * len(self.members)
        biases = [m.b_enc - m.W_enc @ m.b_dec if m.centres else m.b_enc for m in self._sharing]
        return list(pre_activations(x, self._together, torch.cat(biases)).split(self._widths, dim=1))
