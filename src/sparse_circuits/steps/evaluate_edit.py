from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.evaluate_edit import EvaluateEdit
from sparse_circuits.edit.build import build, rewritings
from sparse_circuits.edit.compare import evaluate_edit
from sparse_circuits.edit.cue import cue_accuracies
from sparse_circuits.edit.measure import Variant
from sparse_circuits.edit.setup import Editing, read_selection
from sparse_circuits.models.load import load_model
from sparse_circuits.sources.images import read_classes, read_images


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences
    pairs: list[Folder]  # folders of pairs, with the names of the edit's behaviours and tasks
    evaluation: Path  # JSON file to write
    others: list[Folder] = field(default_factory=list)
    """folders of pairs of other tasks, on which side effects are looked for"""
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    circuits: list[Path] = field(default_factory=list)
    """<task>/<basis>/circuit.json of the tasks whose circuits are kept or removed"""
    selection: Path | None = None  # the features that were selected
    permanent: Folder | None = None  # folder of the model that keeps the edit
    images: Path | None = None  # HDF5 file of the images on which the cost of a cue is measured


def step(files: Files, settings: EvaluateEdit, compute: Compute) -> None:
    """Judge an edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""
    device = compute.start()
    pairs = [*files.pairs, *files.others]
    editing = Editing.of(settings, files.model, files.saes, files.sequences, pairs, device)
    selected = read_selection(files.selection)
    intervention = build(settings.edit, editing.materials(files.circuits, selected))
    shown = {"before": Variant(editing.model), "hooked": Variant(editing.model, intervention)}
    if files.permanent:
        shown["permanent"] = Variant(load_model(files.permanent, device))
    measured = None
    if files.images and settings.cue:
        test, classes = read_images(files.images, "test"), read_classes(files.images)
        measured = partial(cue_accuracies, images=test.images, labels=test.labels, classes=classes, cue=settings.cue)
    others = [folder.name for folder in files.others]
    found = evaluate_edit(editing, shown, rewritings(settings.edit, selected), others, settings.seed, measured)
    found.write(files.evaluation)
    before, after = found.before, found.hooked
    print(f"{found.features} features; gap {before['gap']:.3f} to {after['gap']:.3f} nats,", end=" ")
    print(f"perplexity {before['perplexity']:.2f} to {after['perplexity']:.2f}")
