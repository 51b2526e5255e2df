"""What a cache holds is what the model computed, whatever order it is stored in."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.manifest import build_manifest, read_manifest, read_statistics
from sparse_circuits.activations.plan import check_disk, plan_cache
from sparse_circuits.activations.reader import ActivationReader
from sparse_circuits.activations.sequences import read_sequences, write_sequences
from sparse_circuits.activations.shard import Rows, SiteStatistics, read_origins, write_shard
from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer, site_widths
from sparse_circuits.models.run import run
from worlds.caches import CONTEXT, SITES, read_shard_rows


def test_each_sequence_is_the_separator_and_a_stretch_of_one_document(
    cache: Path, documents: Path, tiny_folder: Path
) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    texts = documents.read_text().splitlines()
    for split in ("train", "held_out"):
        sequences = read_sequences(cache / "sequences.h5", split)
        assert (sequences.token_id[:, 0] == 0).all()
        for row, document in zip(sequences.token_id, sequences.document, strict=True):
            assert tokenizer.decode(row[1:]).strip() in texts[document]


def test_no_document_serves_both_training_and_evaluation(cache: Path) -> None:
    train, held_out = (set(read_sequences(cache / "sequences.h5", split).document) for split in ("train", "held_out"))
    assert not train & held_out


def test_every_row_is_the_activation_of_its_token_at_every_site(cache: Path, tiny: Model) -> None:
    sequences = read_sequences(cache / "sequences.h5", "train", 20, 40)
    tokens = torch.from_numpy(sequences.token_id).long()
    with torch.no_grad():
        true = run(tiny, tokens, read=SITES).activations
    path = cache / "shard-00001.h5"
    rows = read_origins(path)
    assert len(rows.position) == 20 * (CONTEXT - 1)
    assert not np.array_equal(rows.position, np.tile(np.arange(1, CONTEXT), 20)), "rows must be permuted"
    places = rows.sequence - 20, rows.position
    np.testing.assert_array_equal(rows.document, sequences.document[places[0]])
    np.testing.assert_array_equal(rows.token_id, sequences.token_id[places])
    for site in SITES:
        stored = read_shard_rows(path, str(site), 0, len(rows.position))
        assert torch.equal(stored, true[site][places].bfloat16()), site


def test_statistics_are_those_of_the_rows(cache: Path) -> None:
    for site in SITES:
        rows = torch.cat(
            [read_shard_rows(file, str(site), 0, 10**6) for file in sorted(cache.glob("shard-*.h5"))]
        ).double()
        statistics = read_statistics(cache / "stats.json", str(site))
        torch.testing.assert_close(statistics.mean.double(), rows.mean(dim=0), rtol=1e-5, atol=1e-6)
        assert statistics.mean_squared_norm == pytest.approx(rows.square().sum(dim=1).mean().item(), rel=1e-9)


def test_a_sink_is_left_out_at_all_sites(cache: Path, tiny: Model, tmp_path: Path) -> None:
    sequences = read_sequences(cache / "sequences.h5", "train", 0, 20)
    module = tiny.network.get_submodule("model.layers.0")

    def plant(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
        return torch.where((torch.arange(CONTEXT) == 5)[:, None], output * 1000, output)

    handle = module.register_forward_hook(plant)
    rows = cache_shard(tiny, sequences, SITES, 20, "bfloat16", 0, tmp_path / "shard.h5")
    handle.remove()
    assert rows == 20 * (CONTEXT - 2)
    with h5py.File(tmp_path / "shard.h5") as file:
        assert 5 not in file["position"][()]
        assert file["statistics/resid_post.0/sinks"][()] == 20
        assert {len(file[f"activations/{site}"]) for site in SITES} == {rows}


def test_the_same_shard_twice_is_the_same_bytes(cache: Path, tiny: Model, tmp_path: Path) -> None:
    sequences = read_sequences(cache / "sequences.h5", "train", 0, 20)
    cache_shard(tiny, sequences, SITES, 7, "bfloat16", 0, tmp_path / "again.h5")
    digests = {hashlib.sha256(f.read_bytes()).hexdigest() for f in (tmp_path / "again.h5", cache / "shard-00000.h5")}
    assert len(digests) == 1


@pytest.fixture(scope="module")
def compressed(cache: Path, tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compressed") / "shard-00000.h5"
    part = read_sequences(cache / "sequences.h5", "train", 0, 20)
    cache_shard(tiny, part, SITES, 7, "bfloat16", 0, path, "zstd")
    return path


def test_compression_changes_no_value(cache: Path, compressed: Path) -> None:
    for site in map(str, SITES):
        plain = read_shard_rows(cache / "shard-00000.h5", site, 0, 10**6)
        assert torch.equal(read_shard_rows(compressed, site, 0, 10**6), plain)
        with h5py.File(compressed) as file:
            data = file[f"activations/{site}"]
            assert data.fletcher32
            assert data.id.get_storage_size() < plain.nbytes


def test_a_compressed_shard_is_the_same_bytes_whatever_the_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = torch.randn(8000, 512, generator=torch.Generator().manual_seed(0)).bfloat16()
    nowhere = np.zeros(len(values), dtype=np.int32)
    statistics = {"resid_post.0": SiteStatistics(np.zeros(512), 0.0, 0.0, 0.0, 0)}
    digests = set()
    for threads in ("1", "4", "4"):
        monkeypatch.setenv("BLOSC_NTHREADS", threads)
        rows = Rows(nowhere, nowhere, nowhere, nowhere)
        write_shard(tmp_path / "shard.h5", {"resid_post.0": values}, rows, statistics, "bfloat16", "zstd")
        digests.add(hashlib.sha256((tmp_path / "shard.h5").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_only_compressed_shards_need_the_codec(cache: Path, compressed: Path) -> None:
    code = """
import sys
import h5py
from sparse_circuits.activations.shard import read_slab, site_data
for path, needed in zip(sys.argv[1:], (False, True), strict=True):
    with h5py.File(path) as file:
        read_slab(site_data(file, "resid_post.0"), 0, 10)
    assert ("hdf5plugin" in sys.modules) is needed
"""
    subprocess.run([sys.executable, "-c", code, str(cache / "shard-00000.h5"), str(compressed)], check=True)


def test_an_activation_that_float16_cannot_hold_names_its_site_and_the_way_out(
    cache: Path, tiny: Model, tmp_path: Path
) -> None:
    sequences = read_sequences(cache / "sequences.h5", "train", 0, 5)
    module = tiny.network.get_submodule("model.layers.1")
    handle = module.register_forward_hook(lambda _, __, output: output * 1e6)
    with pytest.raises(StudyError, match=r"activations at resid_post.1 overflow float16; use bfloat16 or float32"):
        cache_shard(tiny, sequences, SITES, 5, "float16", 0, tmp_path / "shard.h5")
    assert not list(tmp_path.iterdir())
    for dtype in ("bfloat16", "float32"):
        cache_shard(tiny, sequences, SITES, 5, dtype, 0, tmp_path / "shard.h5")
        assert read_shard_rows(tmp_path / "shard.h5", "resid_post.1", 0, 10).dtype == getattr(torch, dtype)
    handle.remove()


def test_shards_of_some_sites_only_hold_the_same_rows_as_shards_of_all(
    cache: Path, tiny: Model, tmp_path: Path
) -> None:
    (tmp_path / "sequences.h5").write_bytes((cache / "sequences.h5").read_bytes())
    files = []
    for group in (SITES[:2], SITES[2:]):
        for begin in (0, 20):
            part = read_sequences(tmp_path / "sequences.h5", "train", begin, begin + 20)
            files.append(tmp_path / f"shard-{len(files):05d}.h5")
            cache_shard(tiny, part, group, 7, "bfloat16", 0, files[-1])
    build_manifest(tmp_path, tmp_path / "sequences.h5", files, threads=2)
    assert json.loads((tmp_path / "stats.json").read_text()) == json.loads((cache / "stats.json").read_text())
    for site in map(str, SITES):
        grouped, whole = ActivationReader(tmp_path, site), ActivationReader(cache, site)
        assert len(grouped.manifest.shards) == 2
        assert all(torch.equal(a, b) for a, b in zip(grouped.batches(50, 1, 0), whole.batches(50, 1, 0), strict=True))


def test_a_damaged_cache_is_named(cache: Path, tmp_path: Path) -> None:
    for file in cache.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "shard-00001.h5").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(StudyError, match=r"shard-00001.h5: the manifest says \d+ bytes, found 1000"):
        read_manifest(tmp_path, "resid_post.1")
    (tmp_path / "shard-00001.h5").unlink()
    with pytest.raises(StudyError, match=r"shard-00001.h5: the manifest says \d+ bytes, found none"):
        ActivationReader(tmp_path, "resid_post.1")
    with pytest.raises(StudyError, match=r"no site resid_post.7; it has resid_post.0, mlp_neurons.1, resid_post.1"):
        ActivationReader(cache, "resid_post.7")


def test_bit_rot_inside_a_chunk_is_noticed(cache: Path, tmp_path: Path) -> None:
    data = bytearray((cache / "shard-00000.h5").read_bytes())
    with h5py.File(cache / "shard-00000.h5") as file:
        begin = file["activations/resid_post.0"].id.get_chunk_info(0).byte_offset
    data[begin + 100] ^= 1
    (tmp_path / "rotten.h5").write_bytes(data)
    with pytest.raises(OSError, match=r"checksum|filter"):
        read_shard_rows(tmp_path / "rotten.h5", "resid_post.0", 0, 10)


def test_a_process_killed_while_writing_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    code = """
import sys, h5py, numpy as np
from pathlib import Path
from sparse_circuits.base.files import publishing
with publishing(Path(sys.argv[1])) as temporary, h5py.File(temporary, "w") as file:
    file["half"] = np.zeros(100000)
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""
    target = tmp_path / "shard-00000.h5"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not target.exists()
    assert not list(tmp_path.glob("shard-*"))


@pytest.mark.parametrize("value", [0.0, 3.1])
def test_a_site_whose_rows_are_all_the_same_is_named_before_anything_trains(
    value: float, cache: Path, tiny: Model, tmp_path: Path
) -> None:
    down = tiny.network.get_submodule("model.layers.0.mlp.down_proj")
    handle = down.register_forward_hook(lambda module, inputs, output: torch.full_like(output, value))
    part = read_sequences(cache / "sequences.h5", "train", 0, 8)
    cache_shard(tiny, part, [Site("mlp_out", 0), Site("resid_post", 0)], 7, "bfloat16", 0, tmp_path / "shard.h5")
    handle.remove()
    with pytest.raises(
        StudyError, match=r"site mlp_out.0: all 120 rows are the same; leave it out of the study's sites"
    ):
        build_manifest(tmp_path, cache / "sequences.h5", [tmp_path / "shard.h5"])
    assert not (tmp_path / "stats.json").exists()


def test_a_corpus_that_is_too_small_is_named(documents: Path, tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"documents.jsonl: \d+ sequences of 16 tokens for train, 1000 wanted"):
        write_sequences(documents, tiny_folder, CONTEXT, 1000, 8, 0, tmp_path / "sequences.h5")


def test_a_plan_counts_the_bytes_that_the_shards_will_hold(slabs: Path, tiny_folder: Path, tiny: Model) -> None:
    widths = site_widths(tiny_folder, [*SITES, Site("heads", 0)])
    assert widths == {site: tiny.width(site) for site in widths}
    reader = ActivationReader(slabs, "resid_post.0")
    plan = plan_cache(reader.rows, {str(site): widths[site] for site in SITES}, "bfloat16")
    stored = [read_shard_rows(file, str(site), 0, 10**6).nbytes for file in slabs.glob("shard-*.h5") for site in SITES]
    assert plan.bytes == sum(stored)
    check_disk(plan, slabs)


def test_a_cache_that_does_not_fit_on_the_disk_is_refused_with_need_and_room(tmp_path: Path) -> None:
    plan = plan_cache(10**13, {"resid_post.0": 512, "resid_post.1": 512}, "float32")
    need = r"take 40,960,000\.00 GB, free are [\d,]+\.\d\d GB; lower activations.tokens, name fewer sites"
    with pytest.raises(StudyError, match=f"{tmp_path}: the activations {need}"):
        check_disk(plan, tmp_path)
