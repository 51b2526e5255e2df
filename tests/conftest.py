"""The fixtures that tests share: the tiny model of the test study, its caches and pairs, the finished study."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from filelock import FileLock

# Without a GPU Triton interprets kernels on the CPU. It reads this when it is imported, which transformers does.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# Bounds are those of fp32, on every CPU.
os.environ["SPARSE_CIRCUITS_CPU_BF16"] = "0"

import make_fixtures
from sparse_circuits.activations import shard as shards
from sparse_circuits.activations.cache import cache_shard
from sparse_circuits.activations.manifest import build_manifest
from sparse_circuits.activations.sequences import read_sequences, write_sequences
from sparse_circuits.base.files import write_jsonl
from sparse_circuits.base.fingerprint import fingerprint
from sparse_circuits.config.catalogue import load_models
from sparse_circuits.models.convert import convert
from sparse_circuits.models.load import Model, load_model, load_tokenizer
from sparse_circuits.report.page import write_pages
from sparse_circuits.sources.registry import fetch
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.pairs import Groups, encode_pairs
from worlds.caches import CONTEXT, SITES
from worlds.checkout import ROOT, checkout, in_folder, ok
from worlds.kernels import KERNELS, take_path
from worlds.report_study import make_report_study


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the finished study come last: while one process makes it, the other has something else to do."""
    items.sort(key=lambda item: "finished" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def _fixtures() -> None:
    torch.set_num_threads(1)
    # Once for all that run at a time, those on a cluster too.
    stamp, made_by = make_fixtures.FOLDER / ".made_by", fingerprint(Path(make_fixtures.__file__))
    make_fixtures.FOLDER.mkdir(exist_ok=True)
    with FileLock(make_fixtures.FOLDER / ".lock"):
        if not stamp.exists() or stamp.read_text() != made_by:
            make_fixtures.main()
            stamp.write_text(made_by)


def _shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share (pytest-xdist gives each a folder of its own in it)."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Have the first process that comes here make `folder`; the others wait."""
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)  # one whose making failed
            folder.mkdir()
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device of this machine."""
    return torch.device(request.param)


@pytest.fixture(params=["stock operators", "kernels"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """Where kernels can run; sparse operations are done without them, and by them."""
    take_path(monkeypatch, request.param == "kernels")
    return KERNELS


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama as the workflow makes it: fetched, checked, converted."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(ROOT)
    entry = load_models(Path("config/test/models.yaml"))["tiny-llama"]
    fetched, folder = tmp_path_factory.mktemp("fetched"), tmp_path_factory.mktemp("model") / "tiny-llama"
    fetch(entry.sources, fetched, "tiny-llama")
    convert("tiny-llama", entry, fetched, folder)
    monkeypatch.undo()
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Model:
    """The tiny Llama, loaded."""
    return load_model(tiny_folder, torch.device("cpu"))


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of sixty documents."""
    words = ["key", "near", "the", "boxes", "is", "behind", "table", "that", "author", "has"]
    generator = np.random.default_rng(0)
    texts = [" ".join(words[i] for i in generator.integers(0, len(words), 40)) for _ in range(60)]
    path = tmp_path_factory.mktemp("corpus") / "documents.jsonl"
    write_jsonl(path, [{"id": str(i), "text": text} for i, text in enumerate(texts)])
    return path


@pytest.fixture(scope="session")
def cache(documents: Path, tiny: Model, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of two shards."""
    folder = tmp_path_factory.mktemp("cache")
    write_sequences(documents, tiny_folder, CONTEXT, 40, 8, 0, folder / "sequences.h5")
    for number, begin in enumerate((0, 20)):
        part = read_sequences(folder / "sequences.h5", "train", begin, begin + 20)
        cache_shard(tiny, part, SITES, 7, "bfloat16", 0, folder / f"shard-{number:05d}.h5")
    build_manifest(folder, folder / "sequences.h5", sorted(folder.glob("shard-*.h5")))
    return folder


@pytest.fixture(scope="session")
def slabs(documents: Path, tiny: Model, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of four shards, each of several chunks, which are of different lengths at sites of different widths."""
    folder = tmp_path_factory.mktemp("slabs")
    write_sequences(documents, tiny_folder, CONTEXT, 40, 8, 0, folder / "sequences.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "CHUNK_BYTES", 3000)
        for number in range(4):
            part = read_sequences(folder / "sequences.h5", "train", 10 * number, 10 * number + 10)
            cache_shard(tiny, part, SITES, 10, "bfloat16", 0, folder / f"shard-{number:05d}.h5")
    build_manifest(folder, folder / "sequences.h5", sorted(folder.glob("shard-*.h5")))
    with h5py.File(folder / "shard-00000.h5") as file:
        assert len({file[f"activations/{site}"].chunks[0] for site in SITES}) == 2
    return folder


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("s3") / "log").open("w")
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGTERM)
    server.wait()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test study, run from end to end and recorded; made once, and copied where tests run side by side."""

    def make(folder: Path) -> None:
        ok(in_folder(checkout(folder / "study"))("snakemake", "snapshot"))

    shared = _once(_shared(tmp_path_factory) / "finished", make)
    return shutil.copytree(shared / "study", tmp_path_factory.mktemp("checkout") / "study", symlinks=True)


@pytest.fixture(scope="session")
def groups(tiny_folder: Path, tiny: Model) -> dict[str, Groups]:
    """Pairs of agreement for the tiny Llama."""
    tokenizer = load_tokenizer(tiny_folder)
    return {
        split: encode_pairs(agreement_pairs("nounpp", split, 24, 0, tokenizer), tokenizer, tiny.separator_id)
        for split in ("train", "test")
    }


@pytest.fixture(scope="session")
def report_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a study whose texts try to be HTML."""
    base = tmp_path_factory.mktemp("report")
    write_pages(make_report_study(base / "results"), "s", "<task>", base / "page")
    return base / "page"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window, for one module: Snakemake cannot run beside the event loop that steers it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
