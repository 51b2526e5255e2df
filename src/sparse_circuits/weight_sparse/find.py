"""The circuit of one model for one task: found on training pairs, judged on test pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sparse_circuits.artefacts.weight_pruning import ChoiceMeasures, PruningControls, PruningMeasures
from sparse_circuits.base.types import Tokenizer
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words, shuffled_labels
from sparse_circuits.tasks.pair import Pair
from sparse_circuits.tasks.pairs import Groups, encode_pairs
from sparse_circuits.weight_sparse.choices import Masking
from sparse_circuits.weight_sparse.circuit import edges_of, nodes_of
from sparse_circuits.weight_sparse.judge import Splits, by_circuit, judge, judge_gates
from sparse_circuits.weight_sparse.pruning import PrunedCircuit, learn_masks, prune_circuit, whole_loss


@dataclass(frozen=True)
class JudgedCircuit:
    """A circuit as its file has it, and how it does on test pairs."""

    solved: bool
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    measures: PruningMeasures


def find_weight_circuit(
    masking: Masking, pairs: Mapping[str, list[Pair]], tokenizer: Tokenizer, separator: int, settings: PruneTask
) -> JudgedCircuit:
    """Return the smallest circuit found on the pairs of `train`, judged on those of `test`.

    Where the model itself is above the target, there is no circuit: it is not solved, and has no nodes.
    """

    def encoded(part: list[Pair]) -> Groups:
        return encode_pairs(part, tokenizer, separator)

    groups = {split: encoded(part) for split, part in pairs.items()}
    if whole_loss(masking, groups["train"]) > settings.target:
        own = by_circuit({"model": judge_gates(masking, groups, None)})
        return JudgedCircuit(False, [], [], PruningMeasures.model_validate(own))
    found = prune_circuit(masking, groups["train"], settings)
    measures: dict[str, object] = {"held_out_task_loss": found.held_out_loss, "price": found.price}
    judged = judge(masking, groups, found, settings.random_circuits, settings.seed)
    if settings.controls:
        words = nonsense_words([*pairs["train"], *pairs["test"]], tokenizer, settings.seed)
        nonsense = {split: encoded(nonsense_task(part, words)) for split, part in pairs.items()}
        shuffled = {**groups, "train": encoded(shuffled_labels(pairs["train"], settings.seed))}
        measures["controls"] = PruningControls(
            shuffled=control(masking, shuffled, settings, found), nonsense=control(masking, nonsense, settings, found)
        )
    gates = masking.index.split(found.gates)
    nodes = [{"id": f"{place}/{index}", "site": str(place), "position": None} for place, index in nodes_of(gates)]
    edges = [vars(edge) for edge in edges_of(masking.model, gates)]
    return JudgedCircuit(True, nodes, edges, judged.model_copy(update=measures))


def control(masking: Masking, groups: Splits, settings: PruneTask, real: PrunedCircuit) -> ChoiceMeasures:
    """Return how a circuit does on `test` that was searched on a control's `train`, with as many gates as the real."""
    ranking, _ = learn_masks(masking, groups["train"], settings, real.price)
    gates = torch.zeros_like(real.gates)
    gates[ranking[: int(real.gates.sum())]] = 1
    return judge_gates(masking, groups, gates)
