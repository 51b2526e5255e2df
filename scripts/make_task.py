"""Make the training and test pairs of a task, or check and copy those that the user brings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sparse_circuits.command import program
from sparse_circuits.config.base import validate
from sparse_circuits.config.cue import Cue
from sparse_circuits.config.weight_sparse import CodeTask
from sparse_circuits.files import read_json
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.sources.images import read_classes, read_images
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.attractors import attractor_pairs
from sparse_circuits.tasks.code import code_pairs
from sparse_circuits.tasks.cues import cue_pairs
from sparse_circuits.tasks.images import image_pairs
from sparse_circuits.tasks.pairs import encode_pairs, read_pairs, write_pairs
from sparse_circuits.tasks.pronouns import occupation_pairs, pronoun_pairs, stated_gender_pairs


@dataclass(frozen=True, kw_only=True)
class Drawn:
    train: int
    """number of training pairs"""
    test: int
    """number of test pairs"""
    seed: int = 0
    """which pairs are drawn"""


@dataclass(frozen=True, kw_only=True)
class Agreement(Drawn):
    template: Literal["simple", "nounpp", "rc", "within_rc"]
    """construction"""


@dataclass(frozen=True, kw_only=True)
class Code(Drawn):
    task: CodeTask
    """which of the 20 tasks on code"""


@dataclass(frozen=True, kw_only=True)
class Attractors(Drawn):
    construction: Literal["prepositions", "subject_relative", "object_relative"]
    """what the attractors stand in"""


@dataclass(frozen=True, kw_only=True)
class Classes(Drawn):
    images: Path
    """HDF5 file of images"""
    of: str
    """name of the class that is recognised"""
    against: str | None = None
    """name of the other class; all the rest when not given"""


@dataclass(frozen=True, kw_only=True)
class Cued(Drawn):
    images: Path
    """HDF5 file of images"""
    cue: str
    """the cue that the model was trained with, as JSON"""


@dataclass(frozen=True, kw_only=True)
class Listed:
    train: int
    """most training pairs"""
    test: int
    """most test pairs"""


@dataclass(frozen=True, kw_only=True)
class StatedGender(Listed):
    pass


@dataclass(frozen=True, kw_only=True)
class Occupations(Listed):
    professions: Path
    """JSON list of professions"""
    each: int
    """most stereotyped professions of either side; half of them are trained on"""


@dataclass(frozen=True, kw_only=True)
class Pronouns(Occupations):
    pass


@dataclass(frozen=True)
class File:
    train: Path
    """the user's training pairs, JSON lines"""
    test: Path
    """the user's test pairs, JSON lines"""


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model whose tokenizer to use"""
    folder: Path
    """where to write train.jsonl and test.jsonl"""
    source: Annotated[
        Annotated[Agreement, tyro.conf.subcommand("agreement")]
        | Annotated[Code, tyro.conf.subcommand("code")]
        | Annotated[Attractors, tyro.conf.subcommand("attractors")]
        | Annotated[Classes, tyro.conf.subcommand("classes")]
        | Annotated[Cued, tyro.conf.subcommand("cue")]
        | Annotated[StatedGender, tyro.conf.subcommand("stated_gender")]
        | Annotated[Occupations, tyro.conf.subcommand("occupations")]
        | Annotated[Pronouns, tyro.conf.subcommand("pronouns")]
        | Annotated[File, tyro.conf.subcommand("file")],
        tyro.conf.arg(name=""),
    ]
    """where the pairs come from"""


def main(args: Arguments) -> None:
    tokenizer = load_tokenizer(args.model)
    separator_id = model_card(args.model)["document_separator_id"]
    made = {}
    splits: tuple[Literal["train"], Literal["test"]] = ("train", "test")
    for split in splits:
        source, wanted = args.source, getattr(args.source, split)
        if isinstance(source, Agreement):
            made[split] = agreement_pairs(source.template, split, wanted, source.seed, tokenizer)
        elif isinstance(source, Code):
            made[split] = code_pairs(source.task, split, wanted, source.seed, tokenizer)
        elif isinstance(source, Attractors):
            made[split] = attractor_pairs(source.construction, split, wanted, source.seed, tokenizer)
        elif isinstance(source, Classes):
            images, names = read_images(source.images, split), read_classes(source.images)
            against = (source.of, source.against)
            made[split] = image_pairs(images.images, images.labels, names, *against, split, wanted, source.seed)
        elif isinstance(source, Cued):
            images, names = read_images(source.images, split), read_classes(source.images)
            cue = validate(Cue, source.cue, "cue")
            made[split] = cue_pairs(images.images, images.labels, names, cue, split, wanted, source.seed)
        elif isinstance(source, StatedGender):
            made[split] = stated_gender_pairs(split, wanted, tokenizer)
        elif isinstance(source, Pronouns):
            made[split] = pronoun_pairs(read_json(source.professions), split, source.each, wanted, tokenizer)
        elif isinstance(source, Occupations):
            made[split] = occupation_pairs(read_json(source.professions), split, source.each, wanted, tokenizer)
        else:
            made[split] = read_pairs(wanted)
        encode_pairs(made[split], tokenizer, separator_id)
    for split, pairs in made.items():
        write_pairs(args.folder / f"{split}.jsonl", pairs)


if __name__ == "__main__":
    program(main, Arguments)
