"""Logits are made a few rows at a time: what a program holds of them does not grow with its batch, and is the same."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM, Gemma2Config

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.exact_patching import exact_effects
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Basis, Features
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.discovery.descriptions import describe, feature_means
from sparse_circuits.circuits.discovery.judge import run_circuits_on
from sparse_circuits.circuits.discovery.tokens import Targets, find_targets
from sparse_circuits.circuits.fills import resample_ablation
from sparse_circuits.circuits.graph.trace import trace_prompt
from sparse_circuits.config.discover_tokens import Wanted
from sparse_circuits.config.edits import Distillation, Select
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.edit.distilled import distil
from sparse_circuits.edit.measure import Variant, differences_of, text_effects
from sparse_circuits.edit.select import Stakes, select
from sparse_circuits.models import predicted
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.evaluate import evaluate_coder
from sparse_circuits.tasks.pairs import Groups, PairBatch
from worlds.networks import LLAMA_LIKE

VOCABULARY = 4001
SITE = Site("resid_post", 0)
PAIRS = 30


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    config = Gemma2Config(**{**LLAMA_LIKE, "vocab_size": VOCABULARY, "pad_token_id": None}, query_pre_attn_scalar=8)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    return Model("random", model, FAMILIES["gemma2"], 2, 16, 0, torch.device("cpu"))


@pytest.fixture(autouse=True)
def _four_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicted, "LOGITS", 4 * VOCABULARY)


class Largest(TorchDispatchMode):
    """Notes the largest tensor with an axis over the vocabulary that anything returns."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for part in tree_leaves(out):
            if isinstance(part, Tensor) and any(size and size % VOCABULARY == 0 for size in part.shape):
                self.entries = max(self.entries, part.untyped_storage().nbytes() // part.element_size())
        return out


def _tokens(rows: int, positions: int, seed: int = 0) -> Tensor:
    found = torch.randint(1, VOCABULARY, (rows, positions), generator=torch.Generator().manual_seed(seed))
    found[:, 0] = 0
    return found


def _groups() -> Groups:
    answers = torch.randint(1, VOCABULARY, (2, PAIRS, 1), generator=torch.Generator().manual_seed(2))
    return [(list(range(PAIRS)), PairBatch(_tokens(PAIRS, 6), _tokens(PAIRS, 6, 1), *answers))]


def _sae() -> SparseAutoencoder:
    W_enc = torch.randn(16, 24, generator=torch.Generator().manual_seed(3))
    return SparseAutoencoder("topk", W_enc, torch.zeros(24), W_enc.T / 4, torch.zeros(16), k=4)


def _basis() -> Basis:
    return {SITE: Features(_sae())}


def _halved(x: Tensor) -> Tensor:
    return 0.5 * x


def _evaluate(model: Model) -> Any:
    sequences = Sequences(_tokens(8, 12).int().numpy(), np.arange(8, dtype=np.int32))
    norms = {SITE: float("inf")}
    found = evaluate_coder(model, sequences, _sae(), norms, torch.zeros(24), EvaluateSAE(reads=[str(SITE)]))
    return found.ce, found.kl


def _distil(model: Model) -> Any:
    return distil(model, {SITE: _halved}, [_tokens(8, 12)], Distillation(steps=2), 0)


def _text(model: Model) -> Any:
    return text_effects({"a": Variant(model), "b": Variant(model, {SITE: _halved})}, [_tokens(8, 12)])["b"]


def _differences(model: Model) -> Any:
    return differences_of({"a": Variant(model), "b": Variant(model, {SITE: _halved})}, _groups())["b"]


def _select(model: Model) -> Any:
    limits = Select(kind="select", at_most=1, shortlist=2)
    return select(model, _basis(), Stakes(_groups(), {"kept": _groups()}, [_tokens(8, 12)]), limits)


def _targets(model: Model) -> Targets:
    sequences = Sequences(_tokens(20, 13).int().numpy(), np.arange(20, dtype=np.int32))
    return find_targets(model, sequences, Wanted(tokens=60, context=12, max_loss=1e9, a_window=4), 0, 1024)


def _discover(model: Model) -> Any:
    targets, saes = _targets(model), {SITE: _sae()}
    return describe(model, saes, targets, feature_means(model, saes, targets, 1024), 8, 1024)


def _judge(model: Model) -> Any:
    circuits = torch.zeros(1, 24, dtype=torch.bool)
    jobs = [(0, target) for target in range(40)]
    return run_circuits_on(model, {SITE: _sae()}, _targets(model), torch.zeros(24), circuits, jobs, 1024)


def _circuits(model: Model) -> Any:
    circuits = [Circuit.whole(_basis()), Circuit.of([], _basis()), Circuit.of([], _basis(), errors=False)]
    return Bench(model, _groups(), _basis(), resample_ablation, batch_tokens=2048).run(circuits)


def _scores(method: str) -> Callable[[Model], Any]:
    return lambda model: (
        score_nodes(Bench(model, _groups(), _basis(), batch_tokens=2048), Scoring.of(method, 3)).sites[SITE].nodes
    )


def _patched(model: Model) -> Any:
    return exact_effects(model, _groups()[0][1].split(4)[0], SITE, _basis()[SITE], list(range(24)), 2048)


def _graph(model: Model) -> Any:
    return trace_prompt(model, _tokens(1, 6), {SITE: Features(_sae())}, max_nodes=50)


PROGRAMS: dict[str, Callable[[Model], Any]] = {
    "evaluate_sae": _evaluate,
    "keep_edit": _distil,
    "evaluate_edit on text": _text,
    "evaluate_edit on pairs": _differences,
    "select_features": _select,
    "discover_tokens": _discover,
    "discover_circuits": _judge,
    "evaluate_circuit": _circuits,
    **{f"score_nodes by {method}": _scores(method) for method in METHODS},
    "exact patching": _patched,
    "trace_prompt": _graph,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_tensor_over_the_vocabulary_is_larger_than_the_unembedding(program: str, model: Model) -> None:
    with Largest() as largest:
        PROGRAMS[program](model)
    assert largest.entries <= VOCABULARY * model.d_model


def _numbers(found: Any) -> Iterator[Tensor]:
    for part in tree_leaves(found):
        if isinstance(part, Tensor | float):
            yield torch.as_tensor(part)
        elif isinstance(part, torch.nn.Module):
            yield from part.parameters()


SAME = ["evaluate_sae", "keep_edit", "evaluate_edit on text", "evaluate_edit on pairs", "evaluate_circuit"]


@pytest.mark.parametrize("program", [*SAME, "score_nodes by integrated_gradients", "exact patching"])
def test_a_few_rows_at_a_time_give_the_numbers_of_all_at_once(
    program: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = list(_numbers(PROGRAMS[program](model)))
    monkeypatch.setattr(predicted, "LOGITS", 2**30)
    for part, whole in zip(parts, _numbers(PROGRAMS[program](model)), strict=True):
        torch.testing.assert_close(part, whole, rtol=1e-3, atol=2e-6)
