"""Sources give exactly the bytes that were named, from wherever they can be had, or say why not."""

import hashlib
import http.server
import io
import json
import os
import runpy
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow
import pyarrow.parquet
import pytest

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.catalogue import Dataset, ModelEntry
from sparse_circuits.config.source import FileSource, PackageSource, UrlSource, Wheel, WheelsSource
from sparse_circuits.sources.documents import write_documents
from sparse_circuits.sources.registry import fetch
from worlds.checkout import ROOT, run_script

CONTENT = b'{"passage": "The keys."}\n'
DIGEST = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "c" * 40
SIX = "8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"  # the wheel of six 1.16.0


class _Hub(http.server.BaseHTTPRequestHandler):
    """The hub's routes that the client uses, over the files of `served`: large files by sha256, others by git blob."""

    served: ClassVar[dict[str, bytes]] = {}
    lie = False

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def _answer(self, send_body: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/models/team/model/tree/"):
            body = json.dumps([self._entry(name) for name in self.served]).encode()
            return self._send(200, body, send_body, {"Content-Type": "application/json"})
        if path == "/api/models/team/model/revision/main":
            body = json.dumps({"id": "team/model", "sha": COMMIT}).encode()
            return self._send(200, body, send_body, {"Content-Type": "application/json"})
        name = path.removeprefix(f"/team/model/resolve/{COMMIT}/")
        if name in self.served:
            body = self.served[name]
            headers = {"ETag": f'"{self._entry(name)["oid"]}"', "X-Repo-Commit": COMMIT}
            return self._send(200, body[:-1] + b"!" if self.lie else body, send_body, headers)
        return self._send(404, b"", send_body, {"X-Error-Code": "EntryNotFound"})

    def _entry(self, name: str) -> dict[str, object]:
        data = self.served[name]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        entry: dict[str, object] = {"type": "file", "path": name, "size": len(data), "oid": blob}
        if name.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 100}
        return entry

    def _send(self, status: int, body: bytes, send_body: bool, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    folder = ROOT / "tests/fixtures/tiny-llama"
    _Hub.served = {path.name: path.read_bytes() for path in folder.iterdir()}
    _Hub.lie = False
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def _hub_entry(*patterns: str, revision: str = COMMIT) -> str:
    source = {"kind": "hub", "repo": "team/model", "revision": revision, "files": list(patterns)}
    facts = {"licence": "MIT", "format": "huggingface", "num_layers": 2, "d_model": 32}
    return json.dumps({**facts, "document_separator": "<|endoftext|>", "sources": [source]})


def _fetch_model(entry: str, endpoint: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}

    arguments = ("--model", "tiny", "--entry", entry, "--folder", folder / "tiny")
    return run_script("fetch_model.py", *arguments, env=environment)


def test_a_model_from_the_hub_becomes_an_ordinary_folder(hub: str, tmp_path: Path, tiny_folder: Path) -> None:
    done = _fetch_model(_hub_entry("*.json", "model.safetensors"), hub, tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "tiny" / name).read_bytes() == (tiny_folder / name).read_bytes()


def test_of_main_the_newest_commit_is_taken_and_printed(hub: str, tmp_path: Path) -> None:
    done = _fetch_model(_hub_entry("*.json", "model.safetensors", revision="main"), hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"hub repository team/model at main is {COMMIT}" in done.stdout
    done = _fetch_model(_hub_entry("*.json", revision="dev"), hub, tmp_path)
    assert done.returncode == 1
    assert "revision" in done.stderr


def test_a_hub_that_sends_other_bytes_is_found_out(hub: str, tmp_path: Path) -> None:
    _Hub.lie = True
    done = _fetch_model(_hub_entry("*.json", "model.safetensors"), hub, tmp_path)
    assert done.returncode == 1
    assert "wrong git blob hash, expected" in done.stderr
    assert not (tmp_path / "tiny").exists()


def test_a_pattern_without_a_file_is_named(hub: str, tmp_path: Path) -> None:
    done = _fetch_model(_hub_entry("*.gguf"), hub, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"error: hub repository team/model at {COMMIT}: no file matches *.gguf")


def test_a_hub_out_of_reach_is_one_line(tmp_path: Path) -> None:
    done = _fetch_model(_hub_entry("*.json"), "http://127.0.0.1:9", tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .startswith("error: model tiny: no source is available (hub: hub repository")
    )


def _file(folder: Path, digest: str = DIGEST) -> FileSource:
    return FileSource(kind="file", folder=str(folder), files={"documents.jsonl": digest})


def test_sources_are_tried_in_order_until_one_has_the_files(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/documents.jsonl").write_bytes(CONTENT)
    out = tmp_path / "out"
    out.mkdir()
    gone = UrlSource(kind="url", url="http://127.0.0.1:9/documents.jsonl", sha256=DIGEST)
    (found,) = fetch([gone, _file(tmp_path / "nowhere"), _file(tmp_path / "here")], out, "corpus c")
    assert found.read_bytes() == CONTENT


def test_when_none_is_available_each_reason_is_given(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"corpus c: no source is available \(file: .*one/.*: no such file; file: .*two/"
    ):
        fetch([_file(tmp_path / "one"), _file(tmp_path / "two")], tmp_path, "corpus c")


def test_a_wrong_hash_stops_at_once_with_file_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_bytes(CONTENT)
    wrong = "0" * 64
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(StudyError, match=rf"documents.jsonl: wrong sha256, expected {wrong}, found {DIGEST}"):
        fetch([_file(tmp_path, wrong), _file(tmp_path)], out, "corpus c")
    assert not list(out.iterdir())


def test_a_url_is_checked_before_the_file_appears(tmp_path: Path, hub: str) -> None:
    _Hub.served = {"corpus.jsonl": CONTENT}
    address = f"{hub}/team/model/resolve/{COMMIT}/corpus.jsonl"
    (found,) = fetch([UrlSource(kind="url", url=address, sha256=DIGEST)], tmp_path, "corpus c")
    assert found.read_bytes() == CONTENT
    found.unlink()
    with pytest.raises(StudyError, match=r"corpus.jsonl: wrong sha256"):
        fetch([UrlSource(kind="url", url=address, sha256="0" * 64)], tmp_path, "corpus c")
    assert not list(tmp_path.iterdir())


def test_a_file_is_taken_out_of_a_python_package(tmp_path: Path) -> None:
    """Against the real index: six is small, old and will not change."""
    inner = "4ce39f422ee71467ccac8bed76beb05f8c321c7f0ceda9279ae2dfa3670106b3"
    source = PackageSource(kind="pypi", package="six", version="1.16.0", sha256=SIX, files={"six.py": inner})
    (found,) = fetch([source], tmp_path, "six")
    assert found.name == "six.py"
    assert hashlib.sha256(found.read_bytes()).hexdigest() == inner


def test_the_source_code_of_wheels_is_taken_and_checked(tmp_path: Path) -> None:
    six = Wheel(package="six", version="1.16.0", sha256=SIX)
    (found,) = fetch([WheelsSource(kind="wheels", packages=[six])], tmp_path, "code")
    assert found == tmp_path / "six/six.py"
    assert found.read_text().startswith("# Copyright (c) 2010-2020 Benjamin Peterson")
    other = six.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(StudyError, match=r"wheel of six 1.16.0 \(six-1.16.0-py2.py3-none-any.whl\): wrong sha256"):
        fetch([WheelsSource(kind="wheels", packages=[other])], tmp_path, "code")
    missing = six.model_copy(update={"version": "99"})
    with pytest.raises(StudyError, match=r"code: no source is available \(wheels: .*six==99"):
        fetch([WheelsSource(kind="wheels", packages=[missing])], tmp_path, "code")


def _client(folder: Path, name: str, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for a registry's client first on the PATH; it leaves `package` in the working directory."""
    folder.mkdir()
    (folder / name).write_text(f"#!/bin/sh\ncp {package} .\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_file_is_taken_out_of_an_npm_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "data-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as file:
        entry = tarfile.TarInfo("package/data/documents.jsonl")
        entry.size = len(CONTENT)
        file.addfile(entry, io.BytesIO(CONTENT))
    _client(tmp_path / "bin", "npm", archive, monkeypatch)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    files = {"package/data/documents.jsonl": DIGEST}
    source = PackageSource(kind="npm", package="data", version="1.0.0", sha256=digest, files=files)
    out = tmp_path / "out"
    out.mkdir()
    (found,) = fetch([source], out, "data")
    assert found.read_bytes() == CONTENT
    bad = source.model_copy(update={"files": {"package/other": DIGEST}})
    with pytest.raises(StudyError, match=r"npm package data 1.0.0: no file package/other inside"):
        fetch([bad], out, "data")


def test_a_file_is_taken_out_of_a_debian_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    control = "Package: data\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    (tree / "DEBIAN/control").write_text(control)
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share/documents.jsonl").write_bytes(CONTENT)
    archive = tmp_path / "data_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, archive], check=True, capture_output=True)
    _client(tmp_path / "bin", "apt-get", archive, monkeypatch)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    files = {"usr/share/documents.jsonl": DIGEST}
    source = PackageSource(kind="debian", package="data", version="1.0", sha256=digest, files=files)
    out = tmp_path / "out"
    out.mkdir()
    (found,) = fetch([source], out, "data")
    assert found.read_bytes() == CONTENT


def test_a_client_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = PackageSource(kind="npm", package="data", version="1.0.0", sha256=DIGEST, files={"a": DIGEST})
    with pytest.raises(StudyError, match=r"no source is available .npm: `npm` is not installed"):
        fetch([source], tmp_path, "data")


def _dataset(**changes: object) -> Dataset:
    source = {"kind": "url", "url": "https://example.org/x", "sha256": "0" * 64}
    facts = {"licence": "MIT", "format": "jsonl", "text_field": "passage", "sources": [source]}
    return Dataset.model_validate({**facts, **changes})


def test_documents_are_stripped_and_repeats_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"passage": " one "}\n{"passage": "two"}\n{"passage": "one"}\n{"passage": ""}\n')
    assert write_documents("c", _dataset(), [tmp_path / "a.jsonl"], tmp_path / "documents.jsonl") == 2
    rows = [json.loads(line) for line in (tmp_path / "documents.jsonl").read_text().splitlines()]
    assert rows == [{"id": "c-0000000", "text": "one"}, {"id": "c-0000001", "text": "two"}]


def test_documents_come_out_of_parquet(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["one", "two"], "n": [1, 2]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    dataset = _dataset(format="parquet", text_field="text")
    assert write_documents("c", dataset, [tmp_path / "a.parquet"], tmp_path / "documents.jsonl") == 2
    with pytest.raises(StudyError, match=r"a.parquet: no column `body`; has text, n"):
        write_documents("c", _dataset(format="parquet", text_field="body"), [tmp_path / "a.parquet"], tmp_path / "d")


def test_a_missing_field_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"passage": "one"}\n{"text": "two"}\n')
    with pytest.raises(StudyError, match=r"a.jsonl:2: no text in field `passage`; it has text"):
        write_documents("c", _dataset(), [tmp_path / "a.jsonl"], tmp_path / "documents.jsonl")


def test_a_model_that_is_not_what_the_catalogue_says_is_refused(hub: str, tmp_path: Path) -> None:
    entry = ModelEntry.model_validate_json(_hub_entry("*.json", "model.safetensors")).model_copy(
        update={"num_layers": 30}
    )
    done = _fetch_model(entry.model_dump_json(), hub, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("error: model tiny: num_layers is 2, the catalogue says 30")


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_scripts_explain_themselves(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert not end.value.code
    assert "usage:" in capsys.readouterr().out
