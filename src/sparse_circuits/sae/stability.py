"""How much two autoencoders agree on the features, such as two that differ in their seed alone."""

import torch
from torch import Tensor

from sparse_circuits.artefacts.sae_stability import DecoderAgreement
from sparse_circuits.sae.cosines import cosine_blocks, largest_cosines

MATCH = 0.7  # the cosine from which two features count as the same (Paulo and Belrose 2025, arXiv 2501.16615)


def compare_decoders(first: Tensor, second: Tensor) -> DecoderAgreement:
    """Compare decoders (n, d_in) and (m, d_in) by the cosines of their rows.

    Each feature is matched with one of the other decoder at most, the pair with the largest cosine first, down to a
    cosine of .7; `matched` is the number of pairs over the smaller of n and m. The greedy matching finds at least half
    as many pairs as the best one would, at a cost that goes with the number of pairs above .7.
    """
    pairs, cosines = [], []
    for begin, block in cosine_blocks(first, second):
        places = (block > MATCH).nonzero()
        cosines.append(block[places[:, 0], places[:, 1]])
        pairs.append(places + torch.tensor([begin, 0], device=places.device))
    order = torch.cat(cosines).argsort(descending=True, stable=True)
    taken: tuple[set[int], set[int]] = (set(), set())
    for row, other in torch.cat(pairs)[order].tolist():
        if row not in taken[0] and other not in taken[1]:
            taken[0].add(row)
            taken[1].add(other)
    both = largest_cosines(first, second).mean().item(), largest_cosines(second, first).mean().item()
    return DecoderAgreement(mean_max_cosine=both, matched=len(taken[0]) / min(len(first), len(second)))
