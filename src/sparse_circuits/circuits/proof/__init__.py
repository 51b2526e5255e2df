"""Proof of a circuit: hypothesis tests against random circuits, stability under resampling, areas of curves."""

from sparse_circuits.circuits.proof.areas import Areas, areas
from sparse_circuits.circuits.proof.plan import COMPARED, Run, matched_random, plan_proof, prove
from sparse_circuits.circuits.proof.stability import Stability, largest, stability
from sparse_circuits.circuits.proof.verdict import Verdict

__all__ = [
    "COMPARED",
    "Areas",
    "Run",
    "Stability",
    "Verdict",
    "areas",
    "largest",
    "matched_random",
    "plan_proof",
    "prove",
    "stability",
]
