"""Interventions on the channels of a sparse circuit, carried over to a dense model (Gao et al. 2025, appendix A.4)."""

from collections.abc import Sequence

import torch

from sparse_circuits.artefacts.weight_carrying import CarriedPlace, MovedShares
from sparse_circuits.models.weight_sparse import WeightSparseForCausalLM
from sparse_circuits.tasks.pairs import Groups
from sparse_circuits.weight_sparse.bridges import Bridges, carried
from sparse_circuits.weight_sparse.choices import Masking, between_answers
from sparse_circuits.weight_sparse.masks import LayerPlace, place_at

RANDOM_SETS = 5


@torch.no_grad()
def carry(
    dense: WeightSparseForCausalLM,
    sparse: WeightSparseForCausalLM,
    bridges: Bridges,
    nodes: Sequence[tuple[LayerPlace, int]],
    groups: Groups,
    strengths: Sequence[float],
    seed: int,
) -> list[CarriedPlace]:
    """Return, for each place where the circuit reads the residual stream, how far its channels move the dense model.

    `nodes` are those of the sparse circuit. The channels are moved to what they are in the pair's other prompt; what is
    told is the mean over prompts of the logit difference, as the share of the way from what the dense model gives to
    what it gives for the other prompt: 0 nothing, 1 all of it. Beside the circuit's channels: as many random ones (mean
    of 5 draws), and all of them.
    """
    generator = torch.Generator().manual_seed(seed)
    width = sparse.config.hidden_size
    own = Masking(dense, {}).choices(groups).differences.mean()

    def moved(number: int, channels: list[int], strength: float) -> float:
        found = []
        for _, batch in groups:
            batch = batch.to(dense.device)
            prompts, others = torch.cat([batch.clean, batch.patch]), torch.cat([batch.patch, batch.clean])
            logits = carried(dense, sparse, bridges, number, channels, prompts, others, strength)
            found.append(between_answers(logits, batch).differences)
        # What is right for a prompt is wrong for the other one of its pair: all of the way leads to -own.
        return ((own - torch.cat(found).mean()) / (2 * own)).item()

    rows = []
    readers = [
        place_at(layer, kind) for layer in range(sparse.config.num_hidden_layers) for kind in ("attn_in", "mlp_in")
    ]
    for number, place in enumerate(readers):
        channels = [channel for at, channel in nodes if at == place]
        if not channels:
            continue
        draws = [torch.randperm(width, generator=generator)[: len(channels)].tolist() for _ in range(RANDOM_SETS)]
        shares = MovedShares(
            circuit=[moved(number, channels, strength) for strength in strengths],
            random=[sum(moved(number, draw, strength) for draw in draws) / RANDOM_SETS for strength in strengths],
            all=[moved(number, list(range(width)), strength) for strength in strengths],
        )
        rows.append(CarriedPlace(place=str(place), channels=channels, strength=list(strengths), moved=shares))
    return rows
