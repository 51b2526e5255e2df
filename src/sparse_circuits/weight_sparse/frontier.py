"""Capability against interpretability: pretraining loss beside the size of circuits (Gao et al. 2025, figure 3)."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from sparse_circuits.artefacts.weight_frontier import BothTwins, FrontierModel, TwinEdges, TwinPair, WeightFrontier

MATCHED = 0.05  # nats within which two pretraining losses are alike


def twin(loss: float, dense: Mapping[str, float]) -> str:
    """Return the dense model whose pretraining loss is nearest."""
    return min(dense, key=lambda name: abs(dense[name] - loss))


def frontier(
    losses: Mapping[str, float],
    edges: Mapping[str, Mapping[str, int]],
    bisected: Mapping[str, Mapping[str, int]],
    sparse: Sequence[str],
    dense: Sequence[str],
    accuracies: Mapping[str, float] | None = None,
) -> WeightFrontier:
    """Return each sparse model beside its dense twin, and all models by loss and size of circuits.

    `accuracies` are those of models of images on test images, where they are known.

    `losses` are held-out pretraining losses in nats; `edges` are, for each model, the circuits' edges of the tasks that
    it solves, `bisected` those before the clean-up gate by gate, which is as far as the paper's method goes. A pair's
    ratio is the geometric mean of dense edges / sparse edges over the tasks that both solve, less those
    (`without_circuit`) that neither needs an edge for: there the bigram table tells the answer. In other tasks a
    circuit without edges counts as one edge. `models` compare over tasks that all models solve and some need edges for.
    """
    pairs = []
    for name in sparse:
        other = twin(losses[name], {one: losses[one] for one in dense})
        large, small = edges[other], edges[name]
        solved = [task for task in small if task in large]
        both = [task for task in solved if large[task] or small[task]]
        pairs.append(
            TwinPair(
                dense=other,
                sparse=name,
                pretraining_loss=BothTwins(dense=losses[other], sparse=losses[name]),
                matched=abs(losses[other] - losses[name]) <= MATCHED,
                **({"accuracy": BothTwins(dense=accuracies[other], sparse=accuracies[name])} if accuracies else {}),
                without_circuit=[task for task in solved if task not in both],
                tasks={task: TwinEdges(dense_edges=large[task], sparse_edges=small[task]) for task in both},
                geometric_mean_ratio=_ratio(large, small, both),
                geometric_mean_ratio_bisected=_ratio(bisected[other], bisected[name], both),
            )
        )
    names = (*sparse, *dense)
    solved_by_all = set.intersection(*(set(edges[name]) for name in names))
    shared = sorted(task for task in solved_by_all if any(edges[name][task] for name in names))
    models = [
        FrontierModel(
            model=name,
            kind="sparse" if name in sparse else "dense",
            pretraining_loss=losses[name],
            solved=len(edges[name]),
            geometric_mean_edges=geometric_mean([max(edges[name][task], 1) for task in shared]) if shared else None,
        )
        for name in names
    ]
    return WeightFrontier(pairs=pairs, shared_tasks=shared, models=models)


def _ratio(dense: Mapping[str, int], sparse: Mapping[str, int], tasks: Sequence[str]) -> float | None:
    """The geometric mean of dense / sparse over tasks, None where there are none."""
    return geometric_mean([max(dense[task], 1) / max(sparse[task], 1) for task in tasks]) if tasks else None
