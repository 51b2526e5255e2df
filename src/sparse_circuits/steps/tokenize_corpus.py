from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import write_image_sequences, write_sequences
from sparse_circuits.base.files import Folder
from sparse_circuits.config.tokenize_corpus import TokenizeCorpus


@dataclass(frozen=True)
class Files:
    documents: Path  # documents.jsonl of the corpus, or its images.h5: an image is a sequence, whatever the context
    model: Folder  # folder of the model whose tokenizer to use
    sequences: Path  # HDF5 file to write


def step(files: Files, settings: TokenizeCorpus) -> None:
    """Cut a corpus into token sequences of one length, for training and for evaluation."""
    amounts = settings.train, settings.held_out, settings.seed, files.sequences
    if files.documents.suffix == ".h5":
        write_image_sequences(files.documents, files.model, *amounts, settings.cue)
    else:
        write_sequences(files.documents, files.model, settings.context, *amounts)
