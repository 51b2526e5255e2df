"""Claims tested by interchange interventions on held-out pairs (Geiger et al. 2021, arXiv 2106.02997).

Something of a patch prompt, which differs from the clean one in a single variable, is put into the clean prompt's
run: the whole prompt, the nodes of a circuit, or all other nodes. How far the answer follows is the share that a claim
bounds. A claim passes when the share's whole 95 % interval keeps the bound, fails when the whole interval breaks it,
and is undecided between.
"""

from collections.abc import Sequence

from sparse_circuits.artefacts.claim_verdicts import JudgedClaim, Verdict
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.statistics import interval95, resamples, wilson95
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.config.claims import Claim
from sparse_circuits.edit.measure import Variant, differences
from sparse_circuits.tasks.pair import Pair


def judge_claim(claim: Claim, bench: Bench, circuit: Sequence[Node], seed: int) -> JudgedClaim:
    """Return a claim's verdict with the share, its 95 % interval over pairs, and the number of pairs.

    Nodes are set to what they are on the patch prompt. `circuit` and the bench's basis are not read where whole prompts
    are swapped. Error nodes are swapped with what is around the circuit. Of whole prompts a claim of `at_least` counts
    the pairs whose answer turns from the clean prompt's to the patch prompt's, one of `at_most` those whose answer
    turns either way. Raises StudyError when the metric does not differ between the two prompts, so that nothing can
    follow.
    """
    found = differences(Variant(bench.model), bench.groups)
    if claim.swapped == "prompt":
        turned = (found.clean > 0) & (found.patch < 0)
        if claim.at_most is not None:
            turned |= (found.clean < 0) & (found.patch > 0)
        share = turned.double().mean().item()
        low, high = wilson95(share, len(turned))
    else:
        inside = bench.circuit(circuit, errors=False)
        kept = inside.complement() if claim.swapped == "circuit" else inside
        outcome = bench.run([kept])
        moved, way = (found.clean - outcome.metric[0]).double(), found.gap.double()
        if way.sum() <= 0:
            raise StudyError(f"{claim.task}: the metric is no higher on clean prompts than on patch prompts")
        rows = resamples(len(moved), seed)
        low, high = interval95(moved[rows].sum(dim=1) / way[rows].sum(dim=1)).tolist()
        share = (moved.sum() / way.sum()).item()
    bound: float = claim.at_least if claim.at_least is not None else claim.at_most or 0.0
    return JudgedClaim(
        **claim.model_dump(exclude_none=True),
        share=share,
        ci95=(low, high),
        pairs=len(found.clean),
        verdict=verdict(low, high, bound, at_least=claim.at_least is not None),
    )


def check_variable(claim: Claim, pairs: Sequence[Pair]) -> None:
    """Raise StudyError where a claim is about a variable that its pairs do not state, though they state others."""
    stated = dict.fromkeys(name for pair in pairs for name in pair.variables)
    if stated and claim.variable not in stated:
        raise StudyError(
            f"claim on {claim.task}: its pairs state no variable {claim.variable}, but {', '.join(stated)}"
        )


def verdict(low: float, high: float, bound: float, at_least: bool) -> Verdict:
    """Return what an interval says of a bound."""
    if at_least:
        return "pass" if low >= bound else "fail" if high < bound else "undecided"
    return "pass" if high <= bound else "fail" if low > bound else "undecided"
