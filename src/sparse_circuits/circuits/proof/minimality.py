"""Is every node of the circuit worth its place? (Shi et al. 2024, minimality test)"""

from dataclasses import dataclass

import torch
from scipy.special import bdtr, bdtrc
from torch import Tensor

from sparse_circuits.circuits.proof.verdict import ALPHA, QUANTILE, Finding, Verdict, change


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
    times the number of nodes. A rejection names nodes that do no more than random ones would, and speaks against the
    circuit. The finding is for the circuit when every node is shown to exceed nine in ten: P(Bin(draws, .9) >= count),
    times the number of nodes, is at most .05 for all of them.
    """
    own, random = change(circuit, without_node), change(circuit, inflated)
    exceeded = (own[:, None] > random).sum(dim=1)
    p = bdtr(exceeded.numpy(), len(random), QUANTILE)
    nodes = torch.from_numpy(p * len(own)).clamp(max=1)
    idle = int((nodes <= ALPHA).sum())
    smallest = int(exceeded.min())
    shown = smallest > 0 and float(bdtrc(smallest - 1, len(random), QUANTILE)) * len(own) <= ALPHA
    finding: Finding = "against" if idle else "for" if shown else "undecided"
    says = {
        "against": f"{idle} of {len(own)} nodes do no more than random nodes would",
        "for": "every node does more than nine in ten random nodes would",
        "undecided": f"no node was found idle, but one does more than {smallest} of {len(random)} random nodes only",
    }[finding]
    return Minimality(smallest / len(random), nodes.min().item(), idle > 0, finding, says, nodes)
