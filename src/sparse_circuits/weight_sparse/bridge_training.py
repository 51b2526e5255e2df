"""Training the bridges between a dense and a sparse model, both of which stay as they are."""

from collections.abc import Callable
from statistics import fmean

import torch
from torch import Tensor

from sparse_circuits.artefacts.weight_carrying import BridgeTerms
from sparse_circuits.base.compute import matmul_precision
from sparse_circuits.base.progress import Progress
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.weight_sparse.bridges import Bridges, bridge_loss


def train_bridges(
    dense: WeightSparseForCausalLM,
    sparse: WeightSparseForCausalLM,
    sequences: Callable[[int], Tensor],
    steps: int,
    active: float,
    learning_rate: float,
    seed: int,
) -> Bridges:
    """Return bridges trained by AdamW on the tokens (batch, position) that `sequences` gives for each step.

    The paper trains the sparse model along with its bridges. Here it stays as it is, so that the circuits found in it
    are those that are carried over; its own loss is then a constant of `bridge_loss`. The learning rate falls to 0.
    """
    device = dense.device
    bridges = Bridges(
        2 * dense.config.num_hidden_layers + 1,
        dense.config.hidden_size,
        sparse.config.hidden_size,
        active,
        torch.Generator().manual_seed(seed),
    ).to(device=device)
    optimizer = torch.optim.AdamW(bridges.parameters(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for step in Progress(range(steps), desc="bridges"):
        with matmul_precision(device):
            loss = bridge_loss(dense, sparse, bridges, sequences(step).to(device)).total
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(bridges.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return bridges.requires_grad_(False)


@torch.no_grad()
def bridge_losses(
    dense: WeightSparseForCausalLM, sparse: WeightSparseForCausalLM, bridges: Bridges, sequences: Tensor, batch: int
) -> BridgeTerms:
    """Return the terms of the loss on sequences (sequence, position), each the mean over places."""
    parts = [bridge_loss(dense, sparse, bridges, part.to(dense.device)) for part in sequences.split(batch)]
    places = len(bridges.encoders)
    means = {name: fmean(getattr(part, name).item() / places for part in parts) for name in BridgeTerms.model_fields}
    return BridgeTerms(**means)
