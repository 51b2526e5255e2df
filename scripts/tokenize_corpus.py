"""Cut a corpus into token sequences of one length, for training and for evaluation."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations import write_image_sequences, write_sequences
from sparse_circuits.command import program


@dataclass(frozen=True)
class Arguments:
    documents: Path
    """documents.jsonl of the corpus, or its images.h5: an image is a sequence, whatever the context"""
    model: Path
    """folder of the model whose tokenizer to use"""
    context: int
    """tokens a sequence, document separator included"""
    train: int
    """sequences to train on"""
    held_out: int
    """sequences of further documents to evaluate on"""
    sequences: Path
    """HDF5 file to write"""
    seed: int = 0
    """order of the documents"""


def main(args: Arguments) -> None:
    if args.documents.suffix == ".h5":
        write_image_sequences(args.documents, args.model, args.train, args.held_out, args.seed, args.sequences)
        return
    write_sequences(args.documents, args.model, args.context, args.train, args.held_out, args.seed, args.sequences)


if __name__ == "__main__":
    program(main, Arguments)
