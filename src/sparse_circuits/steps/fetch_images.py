from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.fetch_dataset import FetchDataset
from sparse_circuits.sources.images import write_images
from sparse_circuits.sources.photographs import write_photographs
from sparse_circuits.sources.registry import fetched


@dataclass(frozen=True)
class Files:
    images: Path  # where to write images.h5


def step(files: Files, settings: FetchDataset) -> None:
    """Fetch labelled images and write them as one HDF5 file."""
    name, entry = settings.name, settings.entry
    if entry.pictures is None:
        raise StudyError(f"dataset {name} is of format {entry.format}, not images")
    with fetched(entry.sources, files.images, f"dataset {name}") as found:
        if entry.images:
            count = write_images(name, entry.images, found, files.images)
        else:
            assert entry.photographs
            count = write_photographs(name, entry.photographs, found, files.images)
    print(f"{count} images")
