"""p-anneal: from L1 towards L0, by an Lp penalty whose p falls (Karvonen et al. 2024, arXiv 2408.00113)."""

import torch
from torch import Tensor

from sparse_circuits.config.autoencoders import PAnneal
from sparse_circuits.sae.architectures.standard import StandardTrainer, warmed_up
from sparse_circuits.sae.sparse import Places

UPDATES = 10  # equal steps in which p goes from 1 to its end
SMALLEST = 1e-6  # of a feature in a power below 1, whose slope has no bound at 0


class PAnnealTrainer(StandardTrainer[PAnneal]):
    """Standard, with the penalty l1 · c · sum of (f‖W_dec‖)^p. c keeps the penalty steady when p falls."""

    def add_weights(self) -> None:
        """Add the p of now, and the penalty's correction for it."""
        self.register_buffer("p", torch.ones((), dtype=torch.float64))
        self.register_buffer("ratio", torch.ones((), dtype=torch.float64))
        self.p: Tensor
        self.ratio: Tensor

    def activate(self, pre: Tensor, places: Places, progress: float) -> tuple[Tensor, Tensor]:
        """Rectify, and pay by the p of now."""
        values = pre.relu()
        lengths = values * places.at(self.norms())
        if self.training:
            self._anneal(lengths.detach(), places, progress)
        coefficient = warmed_up(self.config.l1, self.config.sparsity_warm_up, progress)
        return values, coefficient * self.ratio.float() * places.sum_by_row(_power(lengths, self.p.item())).mean()

    def _anneal(self, lengths: Tensor, places: Places, progress: float) -> None:
        """Lower p in its steps, spread evenly over training after `anneal_from`."""
        begin = self.config.anneal_from
        done = int(UPDATES * max(0.0, progress - begin) / (1 - begin))
        p = 1 - (1 - self.config.p_end) * min(done, UPDATES) / UPDATES
        if p < self.p.item():
            old, new = (places.sum_by_row(_power(lengths, q)).double().mean() for q in (self.p.item(), p))
            self.ratio.mul_(old / new.clamp(min=1e-12))
            self.p.fill_(p)


def _power(lengths: Tensor, p: float) -> Tensor:
    return lengths if p == 1 else torch.where(lengths > 0, lengths.clamp(min=SMALLEST).pow(p), 0.0)
