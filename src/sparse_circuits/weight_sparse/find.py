"""The circuit of one model for one task: found on training pairs, judged on test pairs, written as files."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse_circuits.config.weight_sparse import Pruning
from sparse_circuits.files import sha256, write_json
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words, shuffled_labels
from sparse_circuits.tasks.pairs import encode_pairs, read_pairs
from sparse_circuits.weight_sparse.choices import Masking
from sparse_circuits.weight_sparse.circuit import edges_of, nodes_of
from sparse_circuits.weight_sparse.folder import load_weight_sparse_model
from sparse_circuits.weight_sparse.judge import Splits, judge, judge_gates
from sparse_circuits.weight_sparse.pruning import PrunedCircuit, Search, learn_masks, prune_circuit, whole_loss
from sparse_circuits.wording import count


def find_circuit(
    study: str,
    task: str,
    folder: Path,
    tokens: Tensor,
    train: Path,
    test: Path,
    pruning: Pruning,
    random_circuits: int,
    seed: int,
    device: torch.device,
    out: Path,
) -> str:
    """Write circuit.json and pruning.json of a model for a task to a folder; return a line that sums them up.

    `tokens` (sequence, position) are those over which nodes' means are taken. Where the model itself is above the
    target, there is no circuit: `solved` is false and circuit.json has no nodes.
    """
    (model, separator), tokenizer = load_weight_sparse_model(folder, device), load_tokenizer(folder)
    pairs = {split: read_pairs(path) for split, path in (("train", train), ("test", test))}
    groups = {split: encode_pairs(part, tokenizer, separator) for split, part in pairs.items()}
    masking = Masking.by_means(model, tokens, pruning.frozen_norms)
    facts: dict[str, Any] = {
        "study": study,
        "task": task,
        "model": model_card(folder)["name"],
        "basis": "weights",
        "metric": "task_loss",
        "target": pruning.target,
        "sha256": {"model": sha256(folder / "model.safetensors"), "task": sha256(train)},
    }
    if whole_loss(masking, groups["train"]) > pruning.target:
        own = judge_gates(masking, groups, None)
        whole = {name: {"model": value} for name, value in own.items()}
        write_json(out / "circuit.json", {**facts, "nodes": [], "edges": []})
        write_json(out / "pruning.json", {**facts, "split": "test", "solved": False, **whole})
        return f"the model does not solve {task}: accuracy {own['accuracy']:.2f}"
    found = prune_circuit(masking, groups["train"], [_search(pruning, price, seed) for price in pruning.prices])
    judged = judge(masking, groups, found, random_circuits, seed)
    if pruning.controls:
        words = nonsense_words([*pairs["train"], *pairs["test"]], tokenizer, seed)
        nonsense = {
            split: encode_pairs(nonsense_task(part, words), tokenizer, separator) for split, part in pairs.items()
        }
        shuffled = encode_pairs(shuffled_labels(pairs["train"], seed), tokenizer, separator)
        search = _search(pruning, found.price, seed)
        judged["controls"] = {
            "shuffled": control(masking, {**groups, "train": shuffled}, search, found),
            "nonsense": control(masking, nonsense, search, found),
        }
    gates = masking.index.split(found.gates)
    nodes = [{"id": f"{place}/{index}", "site": str(place), "position": None} for place, index in nodes_of(gates)]
    edges = [vars(edge) for edge in edges_of(model, gates)]
    write_json(out / "circuit.json", {**facts, "nodes": nodes, "edges": edges})
    held_out = {"held_out_task_loss": found.held_out_loss, "price": found.price}
    write_json(out / "pruning.json", {**facts, "split": "test", "solved": True, **held_out, **judged})
    return f"{count(len(nodes), 'node')}, {count(len(edges), 'edge')}, accuracy {judged['accuracy']['circuit']:.2f}"


def _search(pruning: Pruning, price: float, seed: int) -> Search:
    return Search(
        steps=pruning.steps,
        batch=pruning.batch,
        price=price,
        learning_rate=pruning.learning_rate,
        target=pruning.target,
        worth=pruning.worth,
        seed=seed,
    )


def control(masking: Masking, groups: Splits, search: Search, real: PrunedCircuit) -> dict[str, float]:
    """Return how a circuit does on `test` that was searched on a control's `train`, with as many gates as the real."""
    ranking, _ = learn_masks(masking, groups["train"], search)
    gates = torch.zeros_like(real.gates)
    gates[ranking[: int(real.gates.sum())]] = 1
    return judge_gates(masking, groups, gates)
