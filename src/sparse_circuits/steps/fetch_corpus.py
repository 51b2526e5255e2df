from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.config.fetch_dataset import FetchDataset
from sparse_circuits.sources.documents import write_documents
from sparse_circuits.sources.registry import fetched


@dataclass(frozen=True)
class Files:
    documents: Path  # where to write documents.jsonl


def step(files: Files, settings: FetchDataset) -> None:
    """Fetch a corpus and write its documents, one JSON object a line."""
    with fetched(settings.entry.sources, files.documents, f"corpus {settings.name}") as found:
        count = write_documents(settings.name, settings.entry, found, files.documents)
    print(f"{count} documents")
