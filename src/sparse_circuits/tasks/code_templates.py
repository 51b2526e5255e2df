"""The 20 tasks on Python code of Gao et al. 2025 (table 1): what is predicted follows from one fact.

code_templates.yaml has their templates, and says how these are written.
"""

import re
from pathlib import Path
from typing import NamedTuple

from sparse_circuits.config.yaml_file import read_yaml


class Template(NamedTuple):
    """A prompt and what follows, and the same with the fact changed."""

    clean: str
    clean_next: str
    patch: str
    patch_next: str


class Code(NamedTuple):
    """A task's templates: to learn masks on, to decide on a circuit's size by, and to judge it by."""

    train: list[Template]
    held_out: list[Template]
    test: list[Template]


# Names and words that may be one token; each half serves one split.
TRAIN_NAMES = [
    "value", "name", "data", "items", "result", "key", "path", "node", "index", "line", "text", "args", "obj",
    "field", "model", "point", "expr", "matrix", "symbol", "current", "first", "last", "source", "parent",
    "child", "left", "right", "start", "stop", "total", "limit", "request", "message",
]  # fmt: skip
TEST_NAMES = [
    "size", "file", "row", "column", "group", "label", "order", "state", "length", "default", "option", "entry",
    "target", "other", "instance", "function", "string", "number", "graph", "edge", "weight", "color", "url",
    "query", "user", "form", "code", "module", "version", "context",
]  # fmt: skip
TRAIN_WORDS = [
    "error", "name", "value", "path", "data", "test", "file", "list", "index", "message", "string",
]  # fmt: skip
TEST_WORDS = [
    "type", "key", "number", "result", "text", "object", "model", "field", "default", "line", "code",
]  # fmt: skip


def _code(follows: str, train: list[str], held_out: list[str], test: list[str]) -> Code:
    def templates(marked: list[str]) -> list[Template]:
        return [Template(*(side(part, text) for part in (1, 2) for text in (prompt, follows))) for prompt in marked]

    def side(part: int, text: str) -> str:
        return re.sub("«(.*?)[|](.*?)»", rf"\{part}", text, flags=re.S)

    return Code(templates(train), templates(held_out), templates(test))


TASKS = {name: _code(**task) for name, task in read_yaml(Path(__file__).with_suffix(".yaml")).items()}
