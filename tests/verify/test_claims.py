"""Claims pass, fail and stay undecided by what interventions show, and a failing one fails the program."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import write_json
from sparse_circuits.circuits.basis import Basis, Coordinates, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.config.claims import Claim
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups, PairBatch, encode_pairs
from sparse_circuits.verify.claims import check_variable, judge_claim, verdict
from worlds.checkout import ROOT

LAST = Site("resid_post", 1)


def claim(**settings: object) -> Claim:
    return Claim.model_validate({"says": "it does", "task": "nounpp", "variable": "number", **settings})


@pytest.fixture(scope="module")
def groups(tiny: Model, tiny_folder: Path) -> Groups:
    """Pairs on which the metric falls from clean to patch, turned round where it does not."""
    tokenizer = load_tokenizer(tiny_folder)
    turned = []
    for pair in agreement_pairs("nounpp", "test", 40, 0, tokenizer):
        ((_, batch),) = encode_pairs([pair], tokenizer, tiny.separator_id)
        metric = [
            logit_difference(logits[:, -1], batch).item()
            for tokens in (batch.clean, batch.patch)
            if (logits := run(tiny, tokens, logits="last").logits) is not None
        ]
        answers = (pair.answers, pair.patch_answers) if metric[0] > metric[1] else (pair.patch_answers, pair.answers)
        turned.append(Pair(pair.id, pair.clean, pair.patch, *answers))
    return encode_pairs(turned, tokenizer, tiny.separator_id)


@pytest.mark.parametrize(
    ("low", "high", "bound", "at_least", "expected"),
    [
        (0.6, 0.8, 0.5, True, "pass"),
        (0.4, 0.6, 0.5, True, "undecided"),
        (0.2, 0.4, 0.5, True, "fail"),
        (0.2, 0.4, 0.5, False, "pass"),
        (0.4, 0.6, 0.5, False, "undecided"),
        (0.6, 0.8, 0.5, False, "fail"),
    ],
)
def test_a_verdict_needs_the_whole_interval(
    low: float, high: float, bound: float, at_least: bool, expected: str
) -> None:
    assert verdict(low, high, bound, at_least) == expected


def test_swapping_all_channels_moves_the_metric_all_the_way_and_none_not_at_all(tiny: Model, groups: Groups) -> None:
    basis: Basis = {LAST: Coordinates(tiny.d_model)}
    every = [Node(LAST, index) for index in range(tiny.d_model)]

    def share(nodes: list[Node], swapped: str) -> float:
        asked = claim(swapped=swapped, at_least=0.5)
        return float(judge_claim(asked, Bench(tiny, groups, basis, batch_tokens=4096), nodes, 0).share)

    assert share(every, "circuit") == pytest.approx(1, abs=1e-4)
    assert share([], "circuit") == pytest.approx(0, abs=1e-4)
    assert share([], "around") == pytest.approx(1, abs=1e-4)
    half = every[: tiny.d_model // 2]
    inside, around = share(half, "circuit"), share(half, "around")
    assert 0 < abs(inside) < 1.5
    assert inside != around


def test_whole_prompts_count_the_answers_that_change(tiny: Model, groups: Groups) -> None:
    changed = []
    for _, batch in groups:
        both = []
        for tokens in (batch.clean, batch.patch):
            logits = run(tiny, tokens, logits="last").logits
            both.append(logit_difference(logits[:, -1], batch))
        changed.append(torch.stack([(both[0] > 0) & (both[1] < 0), both[0].sign() != both[1].sign()]))
    follows, changes = torch.cat(changed, dim=1).double().mean(dim=1).tolist()
    for asked, expected in ((claim(at_least=0.5), follows), (claim(at_most=0.5), changes)):
        found = judge_claim(asked, Bench(tiny, groups, {}, batch_tokens=4096), [], 0)
        assert found.share == pytest.approx(expected)
        assert found.ci95[0] < expected < found.ci95[1]


def test_an_answer_that_turns_the_other_way_is_a_change_too(tiny: Model, groups: Groups) -> None:
    turned = [(i, PairBatch(b.patch, b.clean, b.answers, b.patch_answers)) for i, b in groups]
    shares = [
        judge_claim(claim(at_most=0.5), Bench(tiny, g, {}, batch_tokens=4096), [], 0).share for g in (groups, turned)
    ]
    assert shares[0] == shares[1] > 0


def test_a_claim_passes_or_fails_as_the_model_is_edited(
    tiny: Model, tiny_folder: Path, groups: Groups, tmp_path: Path
) -> None:
    """In the edited model the two forms of each noun have one embedding: the verb cannot follow the number."""
    follows = judge_claim(claim(at_least=0.0), Bench(tiny, groups, {}, batch_tokens=4096), [], 0)
    least = claim(at_least=follows.ci95[0])
    edited = copy.deepcopy(tiny)
    embedding = edited.network.get_input_embeddings().weight
    for _, batch in groups:
        where = (batch.clean != batch.patch).nonzero(as_tuple=True)
        for clean, patch in zip(batch.clean[where].tolist(), batch.patch[where].tolist(), strict=True):
            embedding[max(clean, patch)] = embedding[min(clean, patch)]
    assert judge_claim(least, Bench(tiny, groups, {}, batch_tokens=4096), [], 0).verdict == "pass"
    assert judge_claim(least, Bench(edited, groups, {}, batch_tokens=4096), [], 0).verdict == "fail"
    never = claim(at_most=follows.ci95[0])
    assert judge_claim(never, Bench(tiny, groups, {}, batch_tokens=4096), [], 0).verdict != "pass"
    assert judge_claim(never, Bench(edited, groups, {}, batch_tokens=4096), [], 0).verdict == "pass"


def test_a_variable_that_no_pair_states_is_refused() -> None:
    pair = Pair("a", "The key", "The keys", [" is"], [" are"], {"number": "singular", "subject": "key"})
    check_variable(claim(at_most=0.5), [pair])
    with pytest.raises(StudyError, match="claim on nounpp: its pairs state no variable gender, but number, subject"):
        check_variable(claim(at_most=0.5, variable="gender"), [pair])


def test_a_claim_that_nothing_can_follow_is_refused(tiny: Model, groups: Groups) -> None:
    turned = [(i, type(b)(b.patch, b.clean, b.answers, b.patch_answers)) for i, b in groups]
    with pytest.raises(StudyError, match="nounpp: the metric is no higher on clean prompts"):
        judge_claim(
            claim(swapped="circuit", at_least=0.5),
            Bench(tiny, turned, {LAST: Coordinates(tiny.d_model)}, batch_tokens=64),
            [],
            0,
        )


@pytest.mark.parametrize(("verdicts", "status"), [(("pass", "undecided"), 0), (("pass", "fail"), 1)])
def test_a_failing_claim_fails_the_gate(verdicts: tuple[str, str], status: int, tmp_path: Path) -> None:
    rows = {
        f"c{n}": {"verdict": one, "share": 0.5, "ci95": [0.4, 0.6], "at_least": 0.3} for n, one in enumerate(verdicts)
    }
    write_json(tmp_path / "verdicts.json", {"model": "tiny", "claims": rows})
    command = [sys.executable, "scripts/gate_claims.py", "--verdicts", str(tmp_path / "verdicts.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert f"{verdicts[1]:9}  c1: 0.500 (0.400 to 0.600), claimed at least 0.3" in done.stdout
    assert ("tiny fails c1" in done.stderr) == bool(status)


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.1, "at_most": 0.2}])
def test_a_claim_has_one_bound(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="either `at_least` or `at_most`"):
        claim(**bounds)
