"""Which sequence each row of a shard comes from: the permutation with which rows were written, undone."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.activations.shard import Rows
from sparse_circuits.base.errors import StudyError


def read_origins(path: Path) -> Rows:
    """Read token, document and position of each row of a shard."""
    with h5py.File(path) as file:
        return Rows(**{name: file[name][:] for name in Rows.__annotations__})


def row_sequences(path: Path, rows: Rows, sequences: Sequences, seed: list[int]) -> NDArray[np.int64]:
    """Return the index among `sequences` that each row of a shard comes from: (row,).

    `sequences` and `seed` are those that the shard was written from (`cache_shard`). Document and position do not tell
    the sequence, since a document gives several. Raises StudyError, naming `path`, unless every row's token, document
    and position stand in its sequence.
    """
    written = np.argsort(np.random.default_rng(seed).permutation(len(rows.token_id)))  # rows in the order of the text
    document, position = rows.document[written], rows.position[written]
    begins = np.concatenate([[False], (document[1:] != document[:-1]) | (position[1:] <= position[:-1])])
    found = np.empty(len(written), dtype=np.int64)
    found[written] = begins.cumsum()
    within = found.clip(max=len(sequences.document) - 1)
    # The rows of an image have its class, the last token, wherever they stand.
    own = (rows.token_id == sequences.token_id[within, column] for column in (rows.position, -1))
    if (
        found.max(initial=-1) >= len(sequences.document)
        or (sequences.document[found] != rows.document).any()
        or not np.logical_or(*own).all()
    ):
        raise StudyError(
            f"{path}: its rows are not those of the sequences and the seed given; delete it and run the workflow again"
        )
    return found
