"""Cut a corpus into token sequences of one length, for training and for evaluation."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import write_image_sequences, write_sequences
from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.weight_sparse import Cue


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
    cue: str | None = None
    """the cue on images that the model was trained with, as JSON"""


def main(args: Arguments) -> None:
    if args.documents.suffix == ".h5":
        cue = validate(Cue, args.cue, "cue") if args.cue else None
        write_image_sequences(args.documents, args.model, args.train, args.held_out, args.seed, args.sequences, cue)
        return
    write_sequences(args.documents, args.model, args.context, args.train, args.held_out, args.seed, args.sequences)


if __name__ == "__main__":
    program(main, Arguments)
