"""Verdicts on a study's claims."""

from typing import ClassVar, Literal

from sparse_circuits.artefacts.artefact import Artefact, Interval
from sparse_circuits.config.claims import Claim

Verdict = Literal["pass", "fail", "undecided"]


class JudgedClaim(Claim):
    """A claim with the share that it bounds, its 95 % interval over pairs, and their number."""

    share: float
    ci95: Interval
    pairs: int
    verdict: Verdict


class ClaimVerdicts(Artefact):
    """The whole file; claims are by name."""

    rule: ClassVar = "judge_claims"

    model: str
    claims: dict[str, JudgedClaim]
