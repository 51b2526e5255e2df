"""Is every node of the circuit worth its place? (Shi et al. 2024, minimality test)"""

from dataclasses import dataclass

import torch
from scipy.special import bdtr
from torch import Tensor

from sparse_circuits.circuits.proof.verdict import ALPHA, QUANTILE, Verdict, change


@dataclass(frozen=True)
class Minimality(Verdict):
    """Also the p value of each node of the circuit (node,), multiplied by the number of nodes (Bonferroni)."""

    nodes: Tensor


def minimality(circuit: Tensor, without_node: Tensor, inflated: Tensor) -> Minimality:
    """Test for every node v of C H0: P(D(C, C \\ v) > D(C, C + r)) >= .9, with r a random node outside C.

    D is the mean over pairs of |difference of the metric|. `circuit` (pair,); `without_node` (node, pair), C without
    each of its nodes; `inflated` (draw, pair), C with a random node added. The paper knocks a random edge out of a
    circuit with a random path added; a node added is its own path, and to knock it out is to return to C.

    The statistic is the smallest share, over nodes, of draws that a node exceeds; p = P(Bin(draws, .9) <= count),
    times the number of nodes. A rejection names nodes that do no more than random ones would.
    """
    own, random = change(circuit, without_node), change(circuit, inflated)
    exceeded = (own[:, None] > random).sum(dim=1)
    p = bdtr(exceeded.numpy(), len(random), QUANTILE)
    nodes = torch.from_numpy(p * len(own)).clamp(max=1)
    idle = int((nodes <= ALPHA).sum())
    says = f"{idle} of {len(own)} nodes do no more than random nodes would" if idle else "no node was found idle"
    smallest = exceeded.min().item() / len(random)
    return Minimality(smallest, nodes.min().item(), idle > 0, idle == 0, says, nodes)
