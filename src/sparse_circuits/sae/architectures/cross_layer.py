"""Cross-layer transcoders: features read one layer and write to it and all later ones (Ameisen et al. 2025)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.config.autoencoders import Trained
from sparse_circuits.sae.architectures.base import Activity, Architecture, Step
from sparse_circuits.sae.cross_layer import CrossLayerTranscoder
from sparse_circuits.sae.sparse import decode
from sparse_circuits.sae.units import Units


class CrossLayer(nn.Module):
    """A transcoder a layer, whose decoder rows reach over the outputs of its layer and of all later ones.

    What is written to a layer is the sum over all layers up to it, so they train together: on the error of all outputs,
    summed. Sparsity (k, or the penalty) is each layer's own; the length of a row is over all that it writes to.
    """

    def __init__(
        self,
        architecture: type[Architecture[Any]],
        reads: Sequence[int],
        writes: Sequence[int],
        config: Trained,
        generator: torch.Generator,
    ) -> None:
        """Start at random, for layers that read and write activations of these widths."""
        super().__init__()
        if len(reads) != len(writes):
            raise ValueError(f"as many layers must be read as are written to, found {len(reads)} and {len(writes)}")
        self.reads = list(reads)
        self.writes = list(writes)
        self.config = config
        parts = [
            architecture(d_in, config, generator, d_out=sum(writes[layer:])) for layer, d_in in enumerate(self.reads)
        ]
        self.parts: list[Architecture[Any]] = parts
        self.layers = nn.ModuleList(parts)
        for part in parts:
            part.b_dec.requires_grad_(False)  # one bias an output, which is `b_dec` here
        self.b_dec = nn.Parameter(torch.zeros(sum(writes)))

    def forward(
        self, x: Tensor, progress: float = 1.0, dense: Tensor | None = None, target: Tensor | None = None
    ) -> Step:
        """Return loss, residual (row, sum of what is written) and firing counts (layers · d_sae,), layer by layer.

        x (row, sum of what is read) and `target` hold the layers side by side.
        """
        assert target is not None
        active = [
            part.activity(rows, progress) for part, rows in zip(self.parts, x.split(self.reads, dim=1), strict=True)
        ]
        residual = target - self.b_dec - self._written(active)
        loss = residual.square().sum(dim=1).mean() + reduce(add, (one.penalty for one in active))
        begin = 0
        for part, one, width in zip(self.parts, active, self.writes, strict=True):
            if part.revived:
                loss = loss + part.auxiliary(one, residual.detach()[:, begin:])
            begin += width
        return Step(loss, residual.detach(), torch.cat([one.fired() for one in active]))

    def _written(self, active: list[Activity]) -> Tensor:
        written = [
            decode(one.values, one.places, part.W_dec).split(self.writes[layer:], dim=1)
            for layer, (part, one) in enumerate(zip(self.parts, active, strict=True))
        ]
        outputs = [
            reduce(add, (written[layer][target - layer] for layer in range(target + 1)))
            for target in range(len(self.writes))
        ]
        return torch.cat(outputs, dim=1)

    @property
    def fired(self) -> Tensor:
        """Rows of the last epoch on which each feature fired: (layers · d_sae,)."""
        return torch.cat([part.fired for part in self.parts])

    def count_fired(self, fired: Tensor) -> None:
        """Add to the rows of the last epoch."""
        for part, one in zip(self.parts, fired.split(self.config.d_sae), strict=True):
            part.count_fired(one)

    def find_dead(self) -> None:
        """Look which features are dead."""
        for part in self.parts:
            part.find_dead()

    def after_step(self, fired: Tensor, rows: int) -> None:
        """Do what each layer's architecture does."""
        for part, one in zip(self.parts, fired.split(self.config.d_sae), strict=True):
            part.after_step(one, rows)

    @torch.no_grad()
    def export(self, reads: Units, writes: Units, metadata: dict[str, Any]) -> CrossLayerTranscoder:
        """Return what computes the same in the model's units."""
        bias = self.b_dec * writes.scale.float() + writes.mean
        layers = []
        for layer, part in enumerate(self.parts):
            exported = part.export(reads.of_sites(layer, layer + 1), writes.of_sites(layer), {})
            layers.append(replace(exported, b_dec=torch.zeros_like(exported.b_dec)))
        return CrossLayerTranscoder(layers, list(bias.split(self.writes)), metadata)
