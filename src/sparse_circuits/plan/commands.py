"""The files on a step's command line, read off its source: importing a step would import torch."""

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sparse_circuits.base.fingerprint import module_file


@dataclass(frozen=True)
class FileFlag:
    """A flag of a step that takes files, the folder of each, or words; an optional one may be left out."""

    name: str
    of_folders: bool
    several: bool
    optional: bool


def file_words(step: str, files: Mapping[str, str | Sequence[str]]) -> list[str]:
    """Return the words of the command line that tell a step its files, which are given by the names of its flags.

    Raises KeyError for a flag that is missing.
    """
    words: list[str] = []
    for flag in _flags(step):
        given = files.get(flag.name, []) if flag.optional else files[flag.name]
        paths = [given] if isinstance(given, str) else list(map(str, given))
        if flag.of_folders:
            folders = [os.path.dirname(path) for path in paths]
            paths = list(dict.fromkeys(folders)) if flag.several or not folders else [os.path.commonpath(folders)]
        paths = [f"./{path}" if path.startswith("-") else path for path in paths]
        if paths or not flag.optional:
            words += [f"--{flag.name.replace('_', '-')}", *paths]
    return words


def computes(step: str) -> bool:
    """Whether a step takes the flags of `Compute`."""
    return "Compute" in _parameters(step)


@cache
def _flags(step: str) -> list[FileFlag]:
    """The flags of a step but for its settings, device and threads."""
    kinds = [kind for kind in _parameters(step) if kind in ("Files", "Resumption")]
    return [flag for kind in kinds for flag in _fields(_module(step), kind)]


@cache
def _parameters(step: str) -> list[str]:
    """The classes of the parameters of a step's function."""
    functions = [node for node in _parsed(_module(step)).body if isinstance(node, ast.FunctionDef)]
    (signature,) = [node.args.args for node in functions if node.name == "step"]
    return [ast.unparse(argument.annotation) for argument in signature if argument.annotation]


def _fields(module: str, name: str) -> Iterator[FileFlag]:
    """The fields of a dataclass that a module defines or imports, those of its bases first."""
    for node in _parsed(module).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in [alias.name for alias in node.names]:
            yield from _fields(node.module, name)
        if isinstance(node, ast.ClassDef) and node.name == name:
            for base in node.bases:
                yield from _fields(module, ast.unparse(base))
            for field in node.body:
                if isinstance(field, ast.AnnAssign):
                    kind, optional = ast.unparse(field.annotation), field.value is not None
                    yield FileFlag(ast.unparse(field.target), "Folder" in kind, "[" in kind, optional)


def _module(step: str) -> str:
    return f"sparse_circuits.steps.{step}"


@cache
def _parsed(module: str) -> ast.Module:
    file = module_file(module)
    assert file is not None
    return ast.parse(file.read_text(encoding="utf-8"))
