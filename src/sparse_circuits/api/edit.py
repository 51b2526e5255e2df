"""Edits of results/ as Python objects."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sparse_circuits.artefacts.edit_evaluation import EditEvaluation
from sparse_circuits.base.errors import StudyError
from sparse_circuits.models.load import Model


@dataclass(frozen=True)
class KeptEdit:
    """An edit of results/edits/."""

    evaluation: EditEvaluation
    folder: Path

    @cached_property
    def model(self) -> Model:
        """The model that keeps the edit; raises StudyError where the edit has none."""
        if not (self.folder / "model/config.json").exists():
            raise StudyError(f"{self.folder}: no model keeps this edit; set `permanent` of the edit in its study")
        return Model.load(self.folder / "model")
