from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder
from sparse_circuits.config.write_biographies import WriteBiographies
from sparse_circuits.models.load import load_model
from sparse_circuits.shift.writing import write
from sparse_circuits.sources.biographies import read_bias_in_bios, write_biographies
from sparse_circuits.sources.registry import fetched

DRAWS = 2  # times what one draw takes, so that draws differ


@dataclass(frozen=True)
class Files:
    biographies: Path  # JSON-lines file to write
    model: Folder | None = None  # folder of the model that writes, where nobody published them


def step(files: Files, settings: WriteBiographies, compute: Compute) -> None:
    """Have the model write biographies of both professions and genders, or take those that somebody published."""
    each = DRAWS * (settings.train + settings.test)
    if settings.entry:
        name = f"biographies {files.biographies.stem}"
        with fetched(settings.entry.sources, files.biographies.parent, name) as published:
            found = list(read_bias_in_bios(published, list(settings.professions), each))
    elif files.model:
        model = load_model(files.model, compute.start())
        found = write(model, settings.professions, each, settings.tokens, settings.seed)
    else:
        raise StudyError("biographies are written by a model or fetched: give a model or an entry")
    write_biographies(files.biographies, found)
    print(f"{len(found)} biographies")
