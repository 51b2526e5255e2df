from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.artefacts.edit_selection import EditSelection
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.endpoint import Endpoint
from sparse_circuits.base.files import Folder
from sparse_circuits.config.edits import Select
from sparse_circuits.config.select_features import SelectFeatures
from sparse_circuits.edit.judging import ConceptJudge
from sparse_circuits.edit.promoting import promoting
from sparse_circuits.edit.select import Stakes, select
from sparse_circuits.edit.setup import Editing, rewritten_nodes


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences
    pairs: list[Folder]  # folders of pairs, with the names of the edit's behaviours and tasks
    selection: Path  # JSON file to write
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    remembered: Path | None = None  # JSON-lines file where a judge's answers are kept, so that none is asked for twice


def step(files: Files, settings: SelectFeatures, compute: Compute) -> None:
    """Choose the features that an edit rewrites, and write down why each was taken or refused."""
    editing = Editing.of(settings, files.model, files.saes, files.sequences, files.pairs, compute.start())
    edit = editing.settings
    (asked,) = (operation for operation in edit.operations if isinstance(operation, Select))
    keep = {name: editing.groups(name, "train") for names in edit.keep.values() for name in names}
    stakes = Stakes(editing.groups(edit.goal, "train"), keep, editing.text("train", asked.text))
    allowed = promoting(editing.model, editing.basis, asked.keywords) if asked.keywords else None
    judge = _judge(editing, stakes, asked, files.remembered)
    chosen, trials = select(editing.model, editing.basis, stakes, asked, allowed, judge)
    said = Select.model_validate(asked.model_dump())  # defaults are written too
    EditSelection(goal=edit.goal, settings=said, nodes=rewritten_nodes(chosen), trials=trials).write(files.selection)
    print(f"{len(chosen)} features: {', '.join(node.id for node in chosen) or 'none helps within the limits'}")


def _judge(editing: Editing, stakes: Stakes, asked: Select, remembered: Path | None) -> ConceptJudge | None:
    if asked.judge is None:
        return None
    assert asked.about is not None
    assert remembered is not None
    who = asked.judge
    endpoint = Endpoint(who.base_url, who.model, remembered, who.key_variable, who.timeout, who.tries)
    text = [*stakes.text, *editing.prompts(editing.settings.goal)]
    return ConceptJudge(endpoint, asked.about, editing.model, editing.basis, text)
