"""The IDX format of MNIST and its kin (http://yann.lecun.com/exdb/mnist): arrays of bytes, gzipped or not."""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparse_circuits.base.errors import StudyError

GZIP = b"\x1f\x8b"
BYTES = 8  # the format's number for arrays of unsigned bytes


def read_idx(path: Path, sha256: str | None = None) -> NDArray[np.uint8]:
    """Return the array of an IDX file of unsigned bytes.

    Two zero bytes, the type of the values, the number of axes; the length of each axis as four bytes, most significant
    first; the values. Raises StudyError that names the file when its unpacked bytes have another sha256 or are no such
    array.
    """
    data = path.read_bytes()
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise StudyError(f"{path.name}: broken gzip file ({error})") from None
    if sha256 and (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise StudyError(f"{path.name}: wrong sha256 of the unpacked bytes, expected {sha256}, found {found}")
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != BYTES or len(data) < 4 + 4 * data[3]:
        raise StudyError(f"{path.name}: no IDX file of unsigned bytes; it begins with {data[:4].hex(' ')}")
    begin = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:begin])
    if len(data) - begin != math.prod(shape):
        raise StudyError(f"{path.name}: {len(data) - begin} values, its header says {' x '.join(map(str, shape))}")
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape)


def check_idx(values: NDArray[np.uint8], sha256: str, name: str) -> None:
    """Raise StudyError unless an array, written as an IDX file, has this sha256."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, BYTES, values.ndim, *values.shape)
    if (found := hashlib.sha256(header + values.tobytes()).hexdigest()) != sha256:
        raise StudyError(f"{name}: wrong sha256 of the unpacked bytes, expected {sha256}, found {found}")
