"""Interventions on the channels of a sparse circuit, carried over to a dense model (Gao et al. 2025, appendix A.4)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks import Groups
from sparse_circuits.weight_sparse.bridges import Bridges, carried

READERS = ("attn_in", "mlp_in")  # by number of the sublayer within its layer: the places that read the residual stream
RANDOM_SETS = 5


def carry(
    dense: WeightSparseForCausalLM,
    sparse: WeightSparseForCausalLM,
    bridges: Bridges,
    nodes: Sequence[str],
    groups: Groups,
    strengths: Sequence[float],
    seed: int,
) -> list[dict[str, Any]]:
    """Return, for each place where the circuit reads the residual stream, how far its channels move the dense model.

    `nodes` are those of the sparse circuit, `attn_in.0/54`. The channels are moved to what they are in the pair's other
    prompt; what is told is the mean over prompts of the logit difference, as the share of the way from what the dense
    model gives to what it gives for the other prompt: 0 nothing, 1 all of it. Beside the circuit's channels: as many
    random ones (mean of 5 draws), and all of them.
    """
    generator = torch.Generator().manual_seed(seed)
    width = sparse.config.hidden_size
    rows = []
    for number, place in enumerate(_readers(sparse)):
        channels = [int(node.partition("/")[2]) for node in nodes if node.startswith(f"{place}/")]
        if not channels:
            continue
        draws = [torch.randperm(width, generator=generator)[: len(channels)].tolist() for _ in range(RANDOM_SETS)]
        moved: dict[str, list[float]] = {"circuit": [], "random": [], "all": []}
        for strength in strengths:
            of = [
                _moved(dense, sparse, bridges, number, chosen, groups, strength)
                for chosen in (channels, list(range(width)), *draws)
            ]
            moved["circuit"].append(of[0])
            moved["all"].append(of[1])
            moved["random"].append(sum(of[2:]) / RANDOM_SETS)
        rows.append({"place": place, "channels": channels, "strength": list(strengths), "moved": moved})
    return rows


def _readers(model: WeightSparseForCausalLM) -> list[str]:
    return [f"{place}.{layer}" for layer in range(model.config.num_hidden_layers) for place in READERS]


@torch.no_grad()
def _moved(
    dense: WeightSparseForCausalLM,
    sparse: WeightSparseForCausalLM,
    bridges: Bridges,
    number: int,
    channels: list[int],
    groups: Groups,
    strength: float,
) -> float:
    """The share of the way to the other prompt."""
    before, after, there = [], [], []
    for _, batch in groups:
        batch = batch.to(dense.device)
        prompts, others = torch.cat([batch.clean, batch.patch]), torch.cat([batch.patch, batch.clean])
        answers = torch.cat([batch.answers, batch.patch_answers])[:, :1]
        wrong = torch.cat([batch.patch_answers, batch.answers])[:, :1]

        def difference(logits: Tensor, answers: Tensor = answers, wrong: Tensor = wrong) -> Tensor:
            return (logits.gather(1, answers) - logits.gather(1, wrong)).flatten()

        before.append(difference(dense(prompts, logits_to_keep=1).logits[:, -1]))
        there.append(difference(dense(others, logits_to_keep=1).logits[:, -1]))
        after.append(difference(carried(dense, sparse, bridges, number, channels, prompts, others, strength)))
    own, moved, other = (torch.cat(parts).mean() for parts in (before, after, there))
    return ((own - moved) / (own - other)).item()
