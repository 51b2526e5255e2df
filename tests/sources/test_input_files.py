"""Files that users bring are read as they are, or refused in one line that says which file and where in it."""

import errno
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from sparse_circuits.base.errors import StudyError
from sparse_circuits.command import one_line_errors
from sparse_circuits.config.catalogue import Dataset, load_datasets
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.sources.biographies import read_bias_in_bios
from sparse_circuits.sources.documents import write_documents
from sparse_circuits.sources.parquet_images import read_parquet_images
from sparse_circuits.sources.professions import write_professions
from sparse_circuits.tasks.pair import read_pairs

SOURCE = {"kind": "url", "url": "https://example.org/x", "sha256": "0" * 64}


def _documents(path: Path, form: str = "jsonl") -> list[str]:
    entry = Dataset.model_validate({"licence": "MIT", "format": form, "text_field": "clean", "sources": [SOURCE]})
    out = path.parent / "documents.jsonl"
    write_documents("c", entry, [path], out)
    return [json.loads(line)["text"] for line in out.read_text(encoding="utf-8").splitlines()]


def _pairs(path: Path) -> list[str]:
    return [pair.clean for pair in read_pairs(path)]


def _row(text: str) -> str:
    return json.dumps({"clean": text, "patch": "b", "answers": ["c"], "patch_answers": ["d"]}, ensure_ascii=False)


GOOD = _row("élan")
PACKED = gzip.compress(GOOD.encode(), mtime=0)
READERS = pytest.mark.parametrize("read", [_documents, _pairs], ids=["corpus", "pairs"])


@READERS
@pytest.mark.parametrize(
    "data",
    [
        f"{GOOD}\n".encode(),
        GOOD.encode(),
        f"{GOOD}\n".encode("utf-8-sig"),
        f"{GOOD}\r\n\r\n".encode(),
        f"\n  \n{GOOD}\n\n".encode(),
        json.dumps(json.loads(GOOD)).encode(),
    ],
    ids=["plain", "no newline at the end", "byte order mark", "CRLF", "blank lines", "escapes"],
)
def test_json_lines_in_any_dress_are_the_same_text(
    data: bytes, read: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(data)
    assert read(tmp_path / "rows.jsonl") == ["élan"]


@READERS
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (f"{GOOD}\n{GOOD}\n".encode("latin-1"), "rows.jsonl:1: not UTF-8 text; bring the file as UTF-8"),
        (f"{_row('a')}\n\n{GOOD}\n".encode("latin-1"), "rows.jsonl:3: not UTF-8 text"),
        (GOOD.encode("utf-16"), "rows.jsonl:1: not UTF-8 text, but UTF-16"),
        (_row("a").encode("utf-16-le"), "rows.jsonl:1: not JSON"),
        (PACKED, "rows.jsonl:1: not UTF-8 text, but gzip; bring the file as UTF-8, unpacked"),
        (f"{GOOD}\n{_row('?')}".replace("?", "\\ud800").encode(), "rows.jsonl:2: '\\ud800' is half a character"),
        (f"{GOOD}\n\n[{GOOD}]\n".encode(), 'rows.jsonl:3: expected an object such as {"key": "value"}, found [{'),
        (f"{GOOD}\nnull\n".encode(), "rows.jsonl:2: expected an object"),
        (f"\n{GOOD[:-1]}\n".encode(), "rows.jsonl:2: not JSON"),
        (f"{GOOD}{GOOD}".encode(), "rows.jsonl:1: not JSON (Extra data)"),
        (b"[" * 100_000, "rows.jsonl:1: cannot be read"),
        (b'{"n": ' + b"1" * 5000 + b"}", "rows.jsonl:1: cannot be read"),
        (f"\n{GOOD}\n".replace('"élan"', "3").encode(), "rows.jsonl:2: "),
        (f"\n{GOOD}\n".replace('"élan"', "null").encode(), "rows.jsonl:2: "),
        (b"", "rows.jsonl"),
    ],
)
def test_what_is_no_json_lines_is_one_line_with_file_and_line(
    data: bytes, message: str, read: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(data)
    with pytest.raises(StudyError) as caught:
        read(tmp_path / "rows.jsonl")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["text", "python"])
def test_texts_may_have_a_byte_order_mark_and_crlf(form: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("x = 'é'\r\ny = 1\r\n".encode("utf-8-sig"))
    assert _documents(tmp_path / "a.py", form) == ["x = 'é'\ny = 1"]


@pytest.mark.parametrize("data", ["a\né".encode("latin-1"), "a\nb".encode("utf-16"), b"a\n\0"])
def test_a_text_that_is_not_utf_8_is_named_with_its_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(StudyError, match=r"a.txt:[12]: not UTF-8 text"):
        _documents(tmp_path / "a.txt", "text")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["a", None], "a.parquet: row 2: no text in field `clean`; it holds None"),
        ([1, 2], "a.parquet: row 1: no text in field `clean`; it holds 1"),
        ([b"a", b"b"], "a.parquet: row 1: no text in field `clean`; it holds b'a'"),
        ([["a"], ["b"]], "a.parquet: row 1: no text in field `clean`; it holds ['a']"),
        (pa.array([b"a", b"\xe9"]).view(pa.string()), "a.parquet: cannot be read as Parquet after row"),
    ],
)
def test_a_row_of_parquet_without_text_is_named(column: object, message: str, tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"clean": column}), tmp_path / "a.parquet")
    with pytest.raises(StudyError) as caught:
        _documents(tmp_path / "a.parquet", "parquet")
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [b"", b'{"clean": "a"}\n', b"PAR1\0\0PAR1"])
def test_what_is_no_parquet_is_one_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(data)
    for read in (
        lambda path: _documents(path, "parquet"),
        lambda path: list(read_bias_in_bios([path], ["nurse"], 1)),
        lambda path: read_parquet_images([path]),
    ):
        with pytest.raises(StudyError, match=r"^a.parquet: cannot be read as Parquet"):
            read(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"profession": -1}, "row 2: `profession` must be a number from 0 to 27, found -1"),
        ({"profession": None}, "row 2: `profession` must be a number from 0 to 27, found None"),
        ({"gender": 2}, "row 2: `gender` must be a number from 0 to 1, found 2"),
        ({"hard_text": None}, "row 2: no text in column `hard_text`"),
    ],
)
def test_a_biography_of_nobody_is_named(row: dict[str, object], message: str, tmp_path: Path) -> None:
    good = {"hard_text": "She works.", "profession": 13, "gender": 1}
    pa.parquet.write_table(pa.Table.from_pylist([good, {**good, **row}]), tmp_path / "a.parquet")
    with pytest.raises(StudyError) as caught:
        list(read_bias_in_bios([tmp_path / "a.parquet"], ["nurse"], 5))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "data", [b'{"nurse": "many"}', b'{"gender": {"professions": [["nurse", 0]]}}', b'{"gender": 1}', b'{"nurse": null}']
)
def test_a_list_of_professions_of_another_form_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_bytes(data)
    with pytest.raises(StudyError, match=r"^professions p: list.json is neither a list of"):
        write_professions("p", [tmp_path / "list.json"], tmp_path / "out.json")


CATALOGUE = """datasets:
  words:
    licence: MIT
    format: text
    sources: &sources
      - {kind: url, url: "https://example.org/x", sha256: "%s"}
  others:
    licence: MIT
    format: text
    sources: *sources
""" % ("0" * 64)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3: key `a` is given twice, first in line 1"),
        ("a:\n  b: {c: 1, d: 2, c: 3}\n", "a.yaml:2: key `c` is given twice, first in line 2"),
        ("a:\n  - b: 1\n    'b': 2\n", "a.yaml:3: key `b` is given twice, first in line 2"),
        ("x: &x {a: 1}\ny: {<<: *x, b: 1, b: 2}\n", "a.yaml:2: key `b` is given twice"),
        (CATALOGUE.replace("others", "words"), "a.yaml:7: key `words` is given twice, first in line 2"),
    ],
)
def test_a_key_given_twice_is_named_with_both_lines(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(StudyError) as caught:
        load_datasets(tmp_path / "a.yaml") if "datasets" in text else read_yaml(tmp_path / "a.yaml")
    assert message in str(caught.value)


def test_anchors_and_merged_blocks_are_no_repeats(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CATALOGUE, encoding="utf-8-sig")
    assert list(load_datasets(tmp_path / "a.yaml")) == ["words", "others"]
    (tmp_path / "b.yaml").write_text("x: &x {a: 1, b: 1}\ny: {<<: *x, a: 2}\nz:\n  <<: *x\n  <<: {c: 3}\n")
    assert read_yaml(tmp_path / "b.yaml")["y"] == {"a": 2, "b": 1}
    assert read_yaml(tmp_path / "b.yaml")["z"] == {"a": 1, "b": 1, "c": 3}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_one_line(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), one_line_errors():
        raise OSError(number, "not allowed", "results/models")
    assert capsys.readouterr().err == "error: results/models: not allowed\n"
