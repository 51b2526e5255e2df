"""What an artefact writes it reads, and writes again as the same bytes; another release's file is told in a line."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparse_circuits import artefacts
from sparse_circuits.artefacts.artefact import Artefact
from sparse_circuits.artefacts.claim_verdicts import ClaimVerdicts, JudgedClaim
from sparse_circuits.artefacts.edit_selection import EditSelection
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.config.edits import Select
from worlds.artefact_example import example

CLAIM = JudgedClaim(
    says="so", task="rc", variable="number", at_least=0.5, share=1.0, ci95=(0.9, 1.0), pairs=3, verdict="pass"
)
# Settings within an artefact are whole or an error.
GIVEN = {ClaimVerdicts: {"claims": {"one": CLAIM}}, EditSelection: {"settings": Select(kind="select")}}


def _kinds(of: type[Artefact] = Artefact) -> Iterator[type[Artefact]]:
    for kind in of.__subclasses__():
        yield kind
        yield from _kinds(kind)


for module in pkgutil.iter_modules(artefacts.__path__):
    importlib.import_module(f"sparse_circuits.artefacts.{module.name}")
KINDS = sorted(_kinds(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_is_written_is_read_and_written_again(kind: type[Artefact], tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    found = example(kind, **GIVEN.get(kind, {}))
    found.write(first)
    kind.read(first).write(second)
    assert first.read_bytes() == second.read_bytes()
    assert kind.read(first).plain() == found.plain()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_file_of_another_release_names_its_rule(kind: type[Artefact], tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    example(kind, **GIVEN.get(kind, {})).write(path)
    write_json(path, {**read_json(path), "schema": 99})
    anew = rf"rule {kind.rule} writes .*make it anew: snakemake --configfile STUDY --force"
    with pytest.raises(StudyError, match=anew):
        kind.read(path)
