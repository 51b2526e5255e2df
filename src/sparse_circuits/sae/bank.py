"""Several autoencoders on the same rows: one encoder product for all of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.sae.architectures import Architecture, Step
from sparse_circuits.sae.sparse import pre_activations


class Bank(nn.Module):
    """Architectures by name, on one device; their encoders lie behind one another in one matrix, which they share."""

    def __init__(self, members: Mapping[str, Architecture[Any]], device: torch.device) -> None:
        super().__init__()
        self.members = [member.to(device) for member in members.values()]
        self.names = list(members)
        for name, member in members.items():
            self.add_module(name.replace(".", ","), member)  # module names hold no dots
        self._together = torch.cat([member.W_enc.data for member in self.members])
        self._widths = [len(member.W_enc) for member in self.members]
        for member, part in zip(self.members, self._together.split(self._widths), strict=True):
            member.W_enc.data = part

    def forward(self, x: Tensor, progress: float) -> dict[str, Step]:
        """Return the step of each on rows x (row, d_in); `progress` is the share of training done."""
        return {
            name: member(x, progress, dense)
            for name, member, dense in zip(self.names, self.members, self._pre_activations(x), strict=True)
        }

    @torch.no_grad()
    def _pre_activations(self, x: Tensor) -> list[Tensor | None]:
        """Each one's (row, d_sae); None of one alone, which has less to do by itself: its rows are centred anyway."""
        if len(self.members) == 1:
            return [None]
        biases = torch.cat([member.b_enc - member.W_enc @ member.b_dec for member in self.members])
        return list(pre_activations(x, self._together, biases).split(self._widths, dim=1))
