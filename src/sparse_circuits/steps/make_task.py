from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.base.files import Folder
from sparse_circuits.config.base import validate
from sparse_circuits.config.make_task import MakeTask
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.tasks.kind import SPLITS, Sources, load_kind
from sparse_circuits.tasks.pair import write_pairs
from sparse_circuits.tasks.pairs import encode_pairs


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model whose tokenizer to use
    train: Path  # JSON lines to write: training pairs
    test: Path  # JSON lines to write: test pairs
    sources: list[Path] = field(default_factory=list)
    """what the pairs are made of, where that is a file: professions or images"""


def step(files: Files, settings: MakeTask) -> None:
    """Make the training and test pairs of a task, or check and copy those that the user brings."""
    kind, make = load_kind(settings.task["kind"])
    task = validate(kind, settings.task, "task")
    tokenizer, separator_id = load_tokenizer(files.model), model_card(files.model)["document_separator_id"]
    sources = Sources(tokenizer, settings.seed, files.sources, settings.cue)
    made = {split: make(task, split, sources) for split in SPLITS}
    for pairs in made.values():
        encode_pairs(pairs, tokenizer, separator_id)  # raises where they do not fit the tokenizer
    write_pairs(files.train, made["train"])
    write_pairs(files.test, made["test"])
