"""Peak memory of every program that makes logits, on a random model of Gemma-3-270M's shape.

    python benchmarks/vocabulary.py [--vocabulary 262144]

Each runs in a process of its own, with the batches that the workflow gives it.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from transformers import AutoModelForCausalLM, Gemma3TextConfig

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.base.compute import set_up
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Features
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.discovery.descriptions import describe, feature_means
from sparse_circuits.circuits.discovery.tokens import find_targets
from sparse_circuits.circuits.fills import resample_ablation
from sparse_circuits.circuits.graph.trace import trace_prompt
from sparse_circuits.config.discover_tokens import Wanted
from sparse_circuits.config.edits import Distillation
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.edit.distilled import distil
from sparse_circuits.edit.measure import Variant, differences_of, text_effects
from sparse_circuits.models.families import FAMILIES
from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.sae.evaluate import evaluate_coder
from sparse_circuits.tasks.pairs import PairBatch

CONTEXT, PAIRS, POSITIONS = 128, 200, 12
SITES = [Site("resid_post", layer) for layer in (3, 6, 9, 12, 15)]


def main(vocabulary: int = 262_144, only: str | None = None, programs: tuple[str, ...] = ()) -> None:
    """Measure all programs, or those named.

    Args:
        vocabulary: number of tokens of the random model
        only: the one program that this process runs
        programs: names of programs; all by default
    """
    if only is None:
        print(f"| program | peak memory, {vocabulary:,} tokens (GB) | CPU seconds |\n|---|---|---|")
        for name in programs or PROGRAMS:
            command = [
                sys.executable,
                "-W",
                "ignore",
                str(Path(__file__)),
                f"--vocabulary={vocabulary}",
                "--only",
                name,
            ]
            print(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout, end="", flush=True)
        return
    set_up(1)
    model = random_language(vocabulary)
    begin = time.process_time()
    PROGRAMS[only](model)
    seconds = time.process_time() - begin
    print(f"| `{only}` | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f} | {seconds:.0f} |")


def random_language(vocabulary: int) -> Model:
    """A model of random weights, d_model 640 and 18 layers."""
    sizes: dict[str, Any] = {"hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18, "head_dim": 256}
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 1}
    config = Gemma3TextConfig(vocab_size=vocabulary, **sizes, **heads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    return Model("random", model, FAMILIES["gemma3_text"], 18, 640, 2, torch.device("cpu"))


def autoencoder() -> SparseAutoencoder:
    """5,120 features of random weights, of which 32 are active."""
    W_enc = torch.randn(640, 5120)
    return SparseAutoencoder("topk", W_enc, torch.zeros(5120), W_enc.T / 640**0.5, torch.zeros(640), k=32)


def tokens(model: Model, rows: int, positions: int) -> torch.Tensor:
    """Random tokens after a separator."""
    found = torch.randint(3, model.network.config.vocab_size, (rows, positions))
    found[:, 0] = model.separator_id
    return found


def groups(model: Model) -> list[tuple[list[int], PairBatch]]:
    """Pairs of one length."""
    answers = torch.randint(3, model.network.config.vocab_size, (2, PAIRS, 1))
    batch = PairBatch(tokens(model, PAIRS, POSITIONS), tokens(model, PAIRS, POSITIONS), *answers)
    return [(list(range(PAIRS)), batch)]


def basis(sites: list[Site]) -> dict[Site, Features]:
    """An autoencoder at each site."""
    return {site: Features(autoencoder()) for site in sites}


def sequences(model: Model, rows: int) -> Sequences:
    """Sequences as of the cache."""
    return Sequences(tokens(model, rows, CONTEXT).int().numpy(), np.arange(rows, dtype=np.int32))


def evaluate_sae(model: Model) -> None:
    """Two batches of 8 sequences."""
    sparsity = torch.zeros(5120)
    norms = {SITES[0]: float("inf")}
    settings = EvaluateSAE.model_validate({"reads": [str(SITES[0])]})
    evaluate_coder(model, sequences(model, 16), autoencoder(), norms, sparsity, settings)


def keep_edit(model: Model) -> None:
    """Two steps of distillation."""
    batches = [tokens(model, 8, CONTEXT)]
    distil(model, {SITES[1]: lambda x: 0.9 * x}, batches, Distillation.model_validate({"steps": 2}), 0)


def evaluate_edit(model: Model) -> None:
    """An edit beside the model as it was, on text and on pairs."""
    variants = {"before": Variant(model), "after": Variant(model, {SITES[1]: lambda x: 0.9 * x})}
    text_effects(variants, [tokens(model, 8, CONTEXT)])
    differences_of(variants, groups(model))


def discover_tokens(model: Model) -> None:
    """Windows of 24 tokens, of which each next token is described."""
    wanted = Wanted(tokens=100, context=24, max_loss=1e9, a_window=4)
    targets = find_targets(model, sequences(model, 40), wanted, 0, 1024)
    saes = {site: autoencoder() for site in SITES}
    describe(model, saes, targets, feature_means(model, saes, targets, 1024), 64, 1024)


def evaluate_circuit(model: Model) -> None:
    """Four circuits on 200 pairs."""
    found = basis(SITES)
    circuits = [Circuit.whole(found), *(Circuit.of([], found) for _ in range(3))]
    Bench(model, groups(model), found, resample_ablation, batch_tokens=2048).run(circuits)


def score(model: Model) -> None:
    """Integrated gradients on 200 pairs, at one site."""
    score_nodes(
        Bench(model, groups(model), basis(SITES[:1]), batch_tokens=2048), Scoring.of("integrated_gradients", 10)
    )


def trace(model: Model) -> None:
    """The graph of a prompt of 12 tokens."""
    trace_prompt(model, tokens(model, 1, POSITIONS), basis(SITES), max_nodes=500)


PROGRAMS: dict[str, Callable[[Model], None]] = {
    "evaluate_sae": evaluate_sae,
    "keep_edit": keep_edit,
    "evaluate_edit": evaluate_edit,
    "discover_tokens": discover_tokens,
    "evaluate_circuit": evaluate_circuit,
    "score_nodes": score,
    "trace_prompt": trace,
}


if __name__ == "__main__":
    tyro.cli(main)
