"""Make class averages and counterfactual images of tasks on images."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sparse_circuits.circuits.counterfactual import counterfactuals
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import sha256, write_json
from sparse_circuits.models.load import load_language_model, load_tokenizer
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    tests: list[Path]
    """test pairs of each task, in folders of the tasks' names"""
    counterfactuals: Path
    """JSON file to write"""
    pairs: int = 32
    """pairs a task that are changed"""
    shown: int = 4
    """of these, whose images are written"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    tokenizer = load_tokenizer(args.model)
    tasks = []
    for path in args.tests:
        pairs = read_pairs(path)[: args.pairs]
        ((_, batch),) = encode_pairs(pairs, tokenizer, language.separator_id)
        found = counterfactuals(language, batch)
        sides = torch.tensor([pair.variables["class"] == pairs[0].variables["class"] for pair in pairs])
        right = found.before > 0
        tasks.append(
            {
                "task": path.parent.name,
                "pairs": len(pairs),
                "flipped": float((found.after[right] < 0).double().mean()),
                "changed": float((found.changed - found.images).abs().mean()),
                "averages": {
                    "of": _levels(found.images[sides].mean(dim=0)),
                    "against": _levels(found.images[~sides].mean(dim=0)),
                },
                "examples": [
                    {
                        "id": pairs[row].id,
                        "class": pairs[row].variables["class"],
                        "image": _levels(found.images[row]),
                        "counterfactual": _levels(found.changed[row]),
                        "before": float(found.before[row]),
                        "after": float(found.after[row]),
                    }
                    for row in right.nonzero().flatten().tolist()[: args.shown]
                ],
            }
        )
        print(f"{path.parent.name}: {tasks[-1]['flipped']:.0%} flipped, mean change {tasks[-1]['changed']:.3f}")
    write_json(
        args.counterfactuals,
        {"model": language.name, "sha256": {"model": sha256(args.model / "model.safetensors")}, "tasks": tasks},
    )


def _levels(image: torch.Tensor) -> Any:
    """An image (height, width, channel) from -1 to 1 as whole levels from 0 to 255."""
    return ((image + 1) * 127.5).round().int().tolist()


if __name__ == "__main__":
    program(main, Arguments)
