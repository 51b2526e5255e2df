"""Token sequences of one length, cut from shuffled documents, each beginning with the document separator."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing, read_jsonl, sha256
from sparse_circuits.config.cue import Cue
from sparse_circuits.models.cues import as_trained
from sparse_circuits.models.load import load_tokenizer, model_card
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.sources.images import read_classes, read_images

DOCUMENTS_A_BATCH = 512


@dataclass(frozen=True)
class Sequences:
    """`token_id` (sequence, position) int32 and the line number of each sequence's document, `document` (sequence,).

    They are those from number `begin` on of a split.
    """

    token_id: NDArray[np.int32]
    document: NDArray[np.int32]
    begin: int = 0


def position_tokens(sequences: Sequences, positions: int) -> NDArray[np.int32]:
    """Return the token of each position but the first, (sequence, positions - 1): of an image's patches, its class."""
    tokens = sequences.token_id[:, 1:]
    return tokens if tokens.shape[1] == positions - 1 else np.repeat(tokens[:, -1:], positions - 1, axis=1)


def write_sequences(
    documents: Path, model: Path, context: int, train: int, held_out: int, seed: int, path: Path
) -> None:
    """Cut `train` sequences, then `held_out` ones from documents that gave none before, and publish both.

    Documents are shuffled by `seed`. A sequence is the separator and `context` - 1 tokens of one document; what is left
    at a document's end is dropped, so that no sequence runs from one document into another. For the same reason a
    document with the separator inside is left out, and printed. Raises StudyError when the corpus is too small, and
    for sequences longer than the model has positions.
    """
    card, tokenizer = model_card(model), load_tokenizer(model)
    separator_id, joined = card["document_separator_id"], 0
    if context > tokenizer.model_max_length:
        raise StudyError(
            f"activations.context: {card['name']} has positions for {tokenizer.model_max_length} tokens, not {context}"
        )
    texts = [row["text"] for row in read_jsonl(documents)]
    order = np.random.default_rng(seed).permutation(len(texts))
    groups: dict[str, tuple[list[NDArray[np.int32]], list[int]]] = {"train": ([], []), "held_out": ([], [])}
    wanted = {"train": train, "held_out": held_out}
    waiting = iter(order.tolist())
    name = "train"
    while batch := list(islice(waiting, DOCUMENTS_A_BATCH)):
        encoded = tokenizer([texts[i] for i in batch], add_special_tokens=False, verbose=False)["input_ids"]
        for document, ids in zip(batch, encoded, strict=True):
            if separator_id in ids:
                joined += 1
                continue
            rows, origin = groups[name]
            for begin in range(0, len(ids) - context + 2, context - 1):
                # As an array, an eighth of the bytes of a list: a corpus of 500 million tokens fits in memory.
                rows.append(np.array([separator_id, *ids[begin : begin + context - 1]], dtype=np.int32))
                origin.append(document)
            if len(rows) >= wanted[name]:
                if name == "held_out":
                    break
                name = "held_out"
        else:
            continue
        break
    told = f"{joined} documents with {card['document_separator']} inside are left out" if joined else ""
    if told:
        print(f"{documents}: {told}")
    for name, (rows, _) in groups.items():
        if len(rows) < wanted[name]:
            raise StudyError(
                f"{documents}: {len(rows)} sequences of {context} tokens for {name}, {wanted[name]} wanted; "
                f"lower activations.tokens or bring a larger corpus{f' ({told})' if told else ''}"
            )
    _publish(
        path,
        model,
        documents,
        seed,
        {
            name: Sequences(np.array(rows[: wanted[name]]), np.array(origin[: wanted[name]], dtype=np.int32))
            for name, (rows, origin) in groups.items()
        },
    )


def write_image_sequences(
    images: Path, model: Path, train: int, held_out: int, seed: int, path: Path, cue: Cue | None = None
) -> None:
    """Write `train` training images and `held_out` test images, drawn by `seed`, as sequences, and publish both.

    They have the cue that the model was trained with, if any. A sequence is the separator, an image's pixels, and its
    class; `document` is the image's row in the file. Raises StudyError when there are too few images.
    """
    classes, generator, groups = read_classes(images), np.random.default_rng(seed), {}
    for name, split, count in (("train", "train", train), ("held_out", "test", held_out)):
        found = read_images(images, split)
        if len(found.images) < count:
            raise StudyError(
                f"{images}: {len(found.images)} images for {name}, {count} wanted; lower activations.tokens"
            )
        chosen = generator.permutation(len(found.images))[:count]
        planted = as_trained(found.images[chosen], found.labels[chosen], classes, cue)
        tokens = to_tokens(planted, found.labels[chosen], len(classes))
        groups[name] = Sequences(tokens, found.rows[chosen].astype(np.int32))
    _publish(path, model, images, seed, groups)


def _publish(path: Path, model: Path, corpus: Path, seed: int, groups: dict[str, Sequences]) -> None:
    card = model_card(model)
    with publishing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(
            model=card["name"],
            tokenizer_sha256=card["sha256"]["tokenizer.json"],
            corpus=corpus.parent.name,
            corpus_sha256=sha256(corpus),
            seed=seed,
        )
        for name, sequences in groups.items():
            file[f"{name}/token_id"] = sequences.token_id
            file[f"{name}/document"] = sequences.document


def read_sequences(path: Path, split: str, begin: int = 0, end: int | None = None) -> Sequences:
    """Read the sequences `begin` to `end` of `train` or `held_out`."""
    with h5py.File(path) as file:
        return Sequences(file[f"{split}/token_id"][begin:end], file[f"{split}/document"][begin:end], begin)


def sequences_attributes(path: Path) -> dict[str, Any]:
    """Return what is known of a file of sequences: model, tokenizer, corpus and their hashes, seed."""
    with h5py.File(path) as file:
        return {key: value.item() if hasattr(value, "item") else value for key, value in file.attrs.items()}
