from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.counterfactuals import CounterfactualImages
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.circuits.counterfactual import counterfactuals, summarise_counterfactuals
from sparse_circuits.config.make_counterfactuals import MakeCounterfactuals
from sparse_circuits.models.load import load_model
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    tests: list[Path]  # test pairs of each task, in folders of the tasks' names
    counterfactuals: Path  # JSON file to write


def step(files: Files, settings: MakeCounterfactuals, compute: Compute) -> None:
    """Make class averages and counterfactual images of tasks on images."""
    model = load_model(files.model, compute.start())
    tasks = []
    for path in files.tests:
        task, pairs = path.parent.name, read_pairs(path)[: settings.pairs]
        ((_, batch),) = encode_pairs(pairs, model.tokenizer, model.separator_id)
        found = summarise_counterfactuals(task, pairs, counterfactuals(model, batch), settings.shown)
        print(f"{task}: {found.flipped:.0%} flipped, mean change {found.changed:.3f}")
        tasks.append(found)
    hashes = {"model": sha256(files.model / "model.safetensors")}
    CounterfactualImages(model=model.name, sha256=hashes, tasks=tasks).write(files.counterfactuals)
