from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.config.fetch_dataset import FetchDataset
from sparse_circuits.sources.professions import write_professions
from sparse_circuits.sources.registry import fetched


@dataclass(frozen=True)
class Files:
    professions: Path  # JSON file to write


def step(files: Files, settings: FetchDataset) -> None:
    """Fetch lists of professions and write them as one, with stereotypes and shares of women."""
    with fetched(settings.entry.sources, files.professions, f"professions {settings.name}") as found:
        count = write_professions(settings.name, found, files.professions)
    print(f"{count} professions")
