"""What circuits do on held-out pairs: faithfulness and completeness over sizes, beside random circuits, by three kinds
of ablation; areas of the curves, divergence from the model, accuracy."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.artefacts.circuit_evaluation import CircuitCurves
from sparse_circuits.base.statistics import interval95, resamples
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.basis import Node
from sparse_circuits.circuits.bench import Bench, Outcome
from sparse_circuits.circuits.faithfulness import faithfulness
from sparse_circuits.circuits.fills import Ablation, resample_ablation, zero_ablation
from sparse_circuits.circuits.matched_random import matched_random
from sparse_circuits.circuits.proof.areas import areas
from sparse_circuits.circuits.scores import NodeScores
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit


def evaluate_circuits(
    bench: Bench, scores: NodeScores, circuit: Sequence[Node], settings: EvaluateCircuit
) -> CircuitCurves:
    """Judge circuits of the best nodes, and the chosen `circuit`, on a bench.

    With m the mean metric on clean prompts, M the model, C the circuit, and 0 the model with every node ablated:
    faithfulness (m(C) - m(0)) / (m(M) - m(0)), completeness (m(M \\ C) - m(0)) / (m(M) - m(0)) (Marks et al. 2024,
    section 3.2; a complete circuit leaves 0). Nodes are ablated to their means, and beside that (`ablations`) to
    nothing and to what they are on the patch prompt. Where there are error nodes, all of them are in C in the main
    curves and none in `without_errors`. Random circuits keep the error nodes, and have at each site as many nodes as C,
    drawn from those that score anything on the training pairs; nodes that never speak would make too weak a rival.
    """
    ranked = scores.ranked()
    sizes = [size for size in settings.sizes if size < len(ranked)]
    sizes += [len(ranked)] if max(settings.sizes) >= len(ranked) else []
    bench = bench.with_means(scores)
    keep, basis = bench.circuit, bench.basis
    ends = {"empty": [bench.empty], "full": [bench.whole]}
    chosen = {"circuit": [keep(circuit)], "complement": [keep(circuit).complement()]}
    tops = {"faithfulness": [keep(ranked[:size]) for size in sizes]}
    rest = {"completeness": [part.complement() for part in tops["faithfulness"]]}
    has_errors = any(dictionary.has_error for dictionary in basis.values())
    if has_errors:
        bare = [keep(ranked[:size], errors=False) for size in sizes]
        rest["errors_alone"] = [keep([])]
        rest["faithfulness_without_errors"] = bare
        rest["completeness_without_errors"] = [part.complement() for part in bare]
    generator = torch.Generator().manual_seed(settings.seed)
    draws = [size for _ in range(settings.random_circuits) for size in sizes]
    rest["random"] = [keep(matched_random(ranked[:size], ranked, generator)) for size in draws]

    def curves(ablation: Ablation, *parts: dict[str, list[Circuit]]) -> "_Curves":
        named = {name: part for circuits in (ends, *parts) for name, part in circuits.items()}
        return _Curves(replace(bench, ablation=ablation).run_named(named))

    main = curves(bench.ablation, chosen, tops, rest)
    random = main.share("random").unflatten(0, (settings.random_circuits, len(sizes))).mean(dim=0)
    result: dict[str, Any] = {
        "examples": len(main.full),
        "clean": main.full.mean().item(),
        "empty": main.empty.mean().item(),
        "nodes": sizes,
        "faithfulness": main.share("faithfulness").tolist(),
        "faithfulness_ci95": main.intervals("faithfulness", settings.seed),
        "completeness": main.share("completeness").tolist(),
        "completeness_ci95": main.intervals("completeness", settings.seed),
        "random": random.tolist(),
        **asdict(areas(sizes, main.share("faithfulness").tolist(), len(ranked))),
        "accuracy": {"model": _accuracy(main.full), **{name: _accuracy(main.metric(name)) for name in chosen}},
        "kl": {name: main.found[name].kl.mean().item() for name in (*chosen, "empty")},
        "circuit": {"nodes": len(circuit), "faithfulness": main.share("circuit").item()},
        "ablations": {"mean": {"empty": main.empty.mean().item(), "faithfulness": main.share("faithfulness").tolist()}},
    }
    if has_errors:
        result["errors_alone"] = main.share("errors_alone").item()
        result["without_errors"] = {
            name: main.share(f"{name}_without_errors").tolist() for name in ("faithfulness", "completeness")
        }
    for name, ablation in (("zero", zero_ablation), ("resample", resample_ablation)):
        other = curves(ablation, tops)
        result["ablations"][name] = {
            "empty": other.empty.mean().item(),
            "faithfulness": other.share("faithfulness").tolist(),
        }
    return CircuitCurves.model_validate(result)


@dataclass(frozen=True)
class _Curves:
    """Outcomes of named circuits, the empty one and the whole model among them."""

    found: dict[str, Outcome]

    def metric(self, name: str) -> Tensor:
        return self.found[name].metric.double()

    @property
    def empty(self) -> Tensor:
        return self.metric("empty")[0]

    @property
    def full(self) -> Tensor:
        return self.metric("full")[0]

    def share(self, name: str) -> Tensor:
        """The share of the model's metric that circuits have: (circuit,)."""
        return faithfulness(self.metric(name).mean(dim=1), self.empty.mean(), self.full.mean())

    def intervals(self, name: str, seed: int) -> list[list[float]]:
        """95 % bootstrap intervals of that share over pairs."""
        values = self.metric(name)
        draws = resamples(values.shape[1], seed)
        ends = (self.empty[draws].mean(dim=1), self.full[draws].mean(dim=1))
        return interval95(faithfulness(values[:, draws].mean(dim=2), *ends)).tolist()


def _accuracy(metric: Tensor) -> float:
    return (metric > 0).double().mean().item()
