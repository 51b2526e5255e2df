"""What training is fed: the rows of a cache, in the order that the seed gives, whoever reads them and from where."""

import shutil
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import h5py
import pytest
import torch

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.machine import free_memory
from sparse_circuits.models.load import Model
from worlds.caches import SITES, read_shard_rows


def test_a_reader_gives_every_row_once_an_epoch(cache: Path) -> None:
    reader = ActivationReader(cache, "resid_post.1")
    batches = list(reader.batches(50, 2, 0))
    assert all(batch.shape == (50, 32) for batch in batches)
    assert len(batches) == 2 * reader.rows // 50
    every = torch.cat([read_shard_rows(file, "resid_post.1", 0, 10**6) for file in sorted(cache.glob("shard-*.h5"))])
    first = torch.cat(batches)[: reader.rows]
    assert sorted(map(tuple, first.float().tolist())) == sorted(map(tuple, every.float().tolist()))


@pytest.fixture
def copied(slabs: Path, tmp_path: Path) -> Path:
    """The same cache, to be damaged."""
    return shutil.copytree(slabs, tmp_path / "cache")


def _plainly(folder: Path, site: str, size: int, epochs: int, seed: int) -> Iterator[torch.Tensor]:
    """What batches are, told in the simplest way: all rows of all epochs, one after another, cut into pieces."""
    files = sorted(folder.glob("shard-*.h5"))
    rows = [
        read_shard_rows(files[index], site, 0, 10**6)
        for epoch in range(epochs)
        for index in torch.randperm(len(files), generator=torch.Generator().manual_seed(seed + epoch)).tolist()
    ]
    return (batch for batch in torch.cat(rows).split(size) if len(batch) == size)


def _same(batches: Iterator[torch.Tensor], others: Iterator[torch.Tensor]) -> bool:
    pairs = list(zip(batches, others, strict=True))
    return bool(pairs) and all(torch.equal(a, b) for a, b in pairs)


def _damage(path: Path, site: str) -> None:
    """Change one bit in the first chunk of a site."""
    data = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        begin = file[f"activations/{site}"].id.get_chunk_info(0).byte_offset
    data[begin + 10] ^= 1
    path.write_bytes(data)


def _first_shard(seed: int) -> str:
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    return f"shard-{int(order[0]):05d}.h5"


@pytest.mark.parametrize("memory", [0, 10**9])
@pytest.mark.parametrize("size", [7, 50, 200])
def test_batches_follow_from_the_seed_whatever_is_held_in_memory(slabs: Path, size: int, memory: int) -> None:
    reader = ActivationReader(slabs, "resid_post.1", memory)
    for seed in (0, 3):
        assert _same(reader.batches(size, 3, seed), _plainly(slabs, "resid_post.1", size, 3, seed))


@pytest.mark.parametrize("memory", [0, 10**9])
def test_starting_at_a_batch_gives_what_follows_the_batches_before_it(slabs: Path, memory: int) -> None:
    every = list(ActivationReader(slabs, "resid_post.1", memory).batches(32, 2, 1))
    for start in range(len(every)):
        reader = ActivationReader(slabs, "resid_post.1", memory)
        assert _same(reader.batches(32, 2, 1, start), iter(every[start:]))
    assert list(reader.batches(32, 2, 1, len(every))) == []


def test_what_lies_before_the_start_is_not_read(slabs: Path, copied: Path) -> None:
    with h5py.File(copied / _first_shard(0)) as file:
        chunk = file["activations/resid_post.1"].chunks[0]
    _damage(copied / _first_shard(0), "resid_post.1")
    reader = ActivationReader(copied, "resid_post.1")
    with pytest.raises(StudyError):
        next(reader.batches(chunk, 1, 0))
    expected = islice(_plainly(slabs, "resid_post.1", chunk, 1, 0), 1, None)
    assert _same(reader.batches(chunk, 1, 0, start=1), expected)


def test_an_epoch_after_the_first_reads_nothing_when_the_cache_fits_in_memory(slabs: Path, copied: Path) -> None:
    held, not_held = (ActivationReader(copied, "resid_post.1", memory) for memory in (10**9, 0))
    for reader in (held, not_held):
        assert _same(reader.batches(50, 2, 0), _plainly(slabs, "resid_post.1", 50, 2, 0))
    for file in copied.glob("shard-*.h5"):
        file.unlink()
    assert _same(held.batches(50, 2, 1), _plainly(slabs, "resid_post.1", 50, 2, 1))
    with pytest.raises(FileNotFoundError):
        next(not_held.batches(50, 1, 1))


def test_the_limit_of_memory_is_the_bytes_of_the_sites(slabs: Path) -> None:
    sites = ["resid_post.1", "mlp_neurons.1"]
    with h5py.File(slabs / "shard-00000.h5") as file:
        row_bytes = sum(2 * file[f"activations/{site}"].shape[1] for site in sites)
    for short, held in ((0, True), (1, False)):
        reader = ActivationReader(slabs, sites, memory=ActivationReader(slabs, sites).rows * row_bytes - short)
        list(reader.batches(50, 1, 0))
        assert bool(reader._held) is held


def test_damage_that_the_reading_thread_meets_is_told_to_the_trainer(copied: Path) -> None:
    _damage(copied / _first_shard(0), "resid_post.1")
    with pytest.raises(StudyError, match=rf"{_first_shard(0)}: rows 0 to \d+ cannot be read .*delete the file"):
        list(ActivationReader(copied, "resid_post.1").batches(50, 1, 0))


def test_the_reading_thread_ends_with_the_training(slabs: Path) -> None:
    def reading() -> bool:
        return any(thread.name.startswith("reader") for thread in threading.enumerate())

    batches = ActivationReader(slabs, "resid_post.1").batches(10, 100, 0)
    next(batches)
    assert reading()
    del batches
    assert not reading(), "stopped early"
    for _ in ActivationReader(slabs, "resid_post.1").batches(10, 1, 0):
        pass
    assert not reading(), "read to the end"


@pytest.mark.parametrize("memory", [0, 10**9])
def test_rows_of_several_sites_line_up(slabs: Path, memory: int) -> None:
    names = [str(site) for site in SITES]
    for start in (0, 5):
        together = list(ActivationReader(slabs, names, memory).batches(40, 2, 0, start))
        for place, site in enumerate(names):
            alone = ActivationReader(slabs, site).batches(40, 2, 0, start)
            assert _same((batch[place] for batch in together), alone)
    assert isinstance(next(ActivationReader(slabs, names[:1]).batches(40, 1, 0)), tuple)


def test_sites_of_different_shards_cannot_be_read_side_by_side(cache: Path, tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "sequences.h5").write_bytes((cache / "sequences.h5").read_bytes())
    part = read_sequences(tmp_path / "sequences.h5", "train", 0, 5)
    files = [tmp_path / f"shard-{number:05d}.h5" for number in range(2)]
    for group, file in zip((SITES[:2], SITES[2:]), files, strict=True):
        cache_shard(tiny, part, group, 5, "bfloat16", 0, file)
    build_manifest(tmp_path, tmp_path / "sequences.h5", files)
    ActivationReader(tmp_path, ["resid_post.0", "mlp_neurons.1"])
    with pytest.raises(
        StudyError, match=r"resid_post.0 and resid_post.1 do not lie in the same shards.*sites_per_shard"
    ):
        ActivationReader(tmp_path, ["resid_post.0", "resid_post.1"])


def test_a_job_may_take_what_its_control_group_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "membership").write_text("0::/slurm/job_1/step_0\n")
    (tmp_path / "slurm/job_1/step_0").mkdir(parents=True)
    (tmp_path / "slurm/job_1/step_0/memory.max").write_text("max\n")
    machine = free_memory(tmp_path, tmp_path / "membership")
    assert machine > 2**20
    (tmp_path / "slurm/job_1/memory.max").write_text(f"{2**20}\n")
    (tmp_path / "slurm/job_1/memory.current").write_text("1024\n")
    assert free_memory(tmp_path, tmp_path / "membership") == 2**20 - 1024
