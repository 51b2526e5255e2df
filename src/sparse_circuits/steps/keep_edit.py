from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.keep_edit import KeepEdit
from sparse_circuits.edit.added_layer import with_added_layers
from sparse_circuits.edit.build import build, rewritings
from sparse_circuits.edit.distilled import distil
from sparse_circuits.edit.setup import Editing, read_selection
from sparse_circuits.models.save import save_edited


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences
    pairs: list[Folder]  # folders of pairs, with the names of the edit's behaviours and tasks
    folder: Folder  # folder of the model to write
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    circuits: list[Path] = field(default_factory=list)
    """<task>/<basis>/circuit.json of the tasks whose circuits are kept or removed"""
    selection: Path | None = None  # the features that were selected


def step(files: Files, settings: KeepEdit, compute: Compute) -> None:
    """Make an edit permanent: write a model whose weights do what the edit's hooks do."""
    editing = Editing.of(settings, files.model, files.saes, files.sequences, files.pairs, compute.start())
    edit, model, selected = editing.settings, editing.model, read_selection(files.selection)
    prompts = [tokens for name in edit.needs for tokens in editing.prompts(name)]
    text = [*editing.text("train", edit.fit_sequences), *prompts]
    added_after: list[int] = []
    if edit.permanent == "added_layer":
        rewritten = rewritings(edit, selected)
        network = with_added_layers(model, editing.basis, rewritten, text)
        added_after = sorted({node.site.layer for node in rewritten})
    else:
        intervention = build(edit, editing.materials(files.circuits, selected))
        network = distil(model, intervention, text, edit.distillation, settings.seed)
    save_edited(network, files.model, files.folder, settings.name, added_after)
    print(f"{settings.name}: {network.config.num_hidden_layers} layers")
