"""Files of images are read byte by byte, pinned by what they unpack to, and told apart from what they are not."""

import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from sparse_circuits.base.errors import StudyError
from sparse_circuits.sources.idx import read_idx
from sparse_circuits.sources.images import read_classes, read_images, write_images
from worlds.drawn_images import CLASSES, SHAPE, drawn, entry, idx, published


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = [idx(part) for seed, count in ((0, 48), (1, 24)) for part in drawn(count, seed)]
    contents = dict(zip("abcd", parts, strict=True))
    return published(tmp_path_factory.mktemp("shapes"), entry(**contents), contents)


def test_idx_files_are_read_byte_by_byte(tmp_path: Path) -> None:
    data = b"\0\0\x08\x02" + b"\0\0\0\x02" + b"\0\0\0\x03" + bytes([1, 2, 3, 4, 5, 255])
    for name, written in (("plain", data), ("packed", gzip.compress(data))):
        (tmp_path / name).write_bytes(written)
        assert read_idx(tmp_path / name).tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\0\0\x08\x01\0\0\0\x03\1\2", "2 values, its header says 3"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "no IDX file of unsigned bytes"),
        (b"\x1f\x8bbroken", "broken gzip file"),
        (b"", "no IDX file"),
    ],
)
def test_a_broken_idx_file_is_named(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "labels").write_bytes(data)
    with pytest.raises(StudyError, match=f"^labels: .*{told}"):
        read_idx(tmp_path / "labels")


def test_images_are_pinned_by_their_unpacked_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(np.zeros(3, np.uint8)), compresslevel=1))
    digest = hashlib.sha256(idx(np.zeros(3, np.uint8))).hexdigest()
    assert read_idx(tmp_path / "a.gz", digest).tolist() == [0, 0, 0]
    with pytest.raises(StudyError, match="wrong sha256 of the unpacked bytes"):
        read_idx(tmp_path / "a.gz", "0" * 64)


def parquet_of(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    rows = []
    for image in images:
        written = io.BytesIO()
        Image.fromarray(image).save(written, format="png")
        rows.append({"bytes": written.getvalue(), "path": None})
    parquet.write_table(pyarrow.table({"image": rows, "label": labels.tolist()}), path)


def test_the_hubs_parquet_files_give_the_same_file(tmp_path: Path, images: Path) -> None:
    """Images in PNG files inside Parquet are held to the hashes of the IDX files that they came from."""
    parts = [idx(part) for seed, count in ((0, 48), (1, 24)) for part in drawn(count, seed)]
    contents = dict(zip("abcd", parts, strict=True))
    pinned = entry(**contents)
    for name, (seed, count) in {"train": (0, 48), "test": (1, 24)}.items():
        parquet_of(tmp_path / f"{name}-00000-of-00001.parquet", *drawn(count, seed))
    write_images("shapes", pinned, sorted(tmp_path.glob("*.parquet")), tmp_path / "images.h5")
    for split in ("train", "test"):
        found, expected = (read_images(path, split) for path in (tmp_path / "images.h5", images))
        assert np.array_equal(found.images, expected.images)
        assert np.array_equal(found.labels, expected.labels)
    changed, labels = drawn(24, 1)
    changed[3, 2, 2] ^= 1
    parquet_of(tmp_path / "test-00000-of-00001.parquet", changed, labels)
    with pytest.raises(StudyError, match=r"^test-00000-of-00001.parquet as c: wrong sha256 of the unpacked bytes"):
        write_images("shapes", pinned, sorted(tmp_path.glob("*.parquet")), tmp_path / "images.h5")
    parquet.write_table(pyarrow.table({"label": [1]}), tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(StudyError, match=r"^test-00000-of-00001.parquet: no column `image`; has label"):
        write_images("shapes", pinned, sorted(tmp_path.glob("*.parquet")), tmp_path / "images.h5")


@pytest.mark.parametrize(
    ("changed", "shape", "classes", "told"),
    [
        (np.zeros((3, 5, 6), np.uint8), SHAPE, CLASSES, "images of 5 x 6, expected 4 x 6"),
        (np.zeros((3, 4, 6, 3), np.uint8), SHAPE, CLASSES, r"colour images \(3 channels\), grey images \(1 channels\)"),
        (np.zeros((3, 4, 6), np.uint8), (4, 6, 3), CLASSES, "grey images .* colour images .* expected"),
        (np.zeros((2, 4, 6), np.uint8), SHAPE, CLASSES, "3 labels of 2 images"),
        (np.zeros((3, 4, 6), np.uint8), SHAPE, [*CLASSES, "ring"], "no image of class ring"),
        (np.zeros((3, 4, 6), np.uint8), SHAPE, CLASSES[:2], "label 2, but there are 2 classes"),
    ],
)
def test_images_that_are_not_as_described_are_told_in_one_line(
    tmp_path: Path, changed: np.ndarray, shape: tuple[int, int, int], classes: list[str], told: str
) -> None:
    labels = idx(np.array([0, 1, 2], np.uint8))
    contents = {"a": idx(changed), "b": labels, "c": idx(changed), "d": labels}
    with pytest.raises(StudyError, match=told):
        published(tmp_path, entry(shape, classes, **contents), contents)


def test_written_images_are_those_of_the_files(images: Path) -> None:
    for split, seed, first in (("train", 0, 0), ("test", 1, 48)):
        found, (pixels, labels) = read_images(images, split), drawn(48 if seed == 0 else 24, seed)
        assert np.array_equal(found.images[..., 0], pixels)
        assert np.array_equal(found.labels, labels)
        assert found.rows.tolist() == list(range(first, first + len(labels)))
    assert read_classes(images) == CLASSES
