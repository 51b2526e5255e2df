"""Write the pages on settings and on programs from the classes of settings and the modules of `steps`."""

import ast
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

from sparse_circuits import steps
from sparse_circuits.base.checkpoint import Resumption
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import publishing
from sparse_circuits.command import program
from sparse_circuits.config.base import Settings, StepSettings
from sparse_circuits.plan import study, weight_sparse
from sparse_circuits.plan.settings import Told
from sparse_circuits.studies.schema import SCHEMAS

# Of each file of settings: the heading of its part of the page, and what the headings of its sections begin with.
FILES = {
    "study": ("A study", ""),
    "weight_sparse_study": ("A study of weight-sparse transformers", "weight-sparse "),
    "models": ("models.yaml", ""),
    "datasets": ("datasets.yaml", ""),
    "claims": ("A file of claims", ""),
}
TOLD: dict[str, dict[str, Told]] = {"study": study.TOLD, "weight_sparse_study": weight_sparse.TOLD}
HEAD = "<!-- Written by `make schemas` from the classes of settings and steps. -->\n"
SETTINGS = """\
# Settings

Each section is one mapping of a YAML file, and each row is one of its keys. Keys without a default are required. An
unknown key is an error, and so is a key that is given twice. [Studies](studies.md) says what the parts are for.

The last column names the programs that get the key as a flag of the same name ([programs](programs.md)). Where it is
empty, the key decides which jobs there are, or other settings are computed from it (`src/sparse_circuits/plan/`).
"""
PROGRAMS = """\
# Programs

Every rule of the workflow runs one program: `python scripts/<program>.py` with the flags below. Snakemake writes these
flags. By hand you need them only to run a single step; `--help` prints them too. Flags without a default are required.
"""
SHARED = {Compute: "Where it computes", Resumption: "How it goes on after it was stopped"}
BOUNDS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
PATTERNS = {r"^[0-9a-f]{64}$": "sha256", r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "name", r"^https?://\S+$": "address"}
TYPES = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}
PYTHON = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}


@dataclass(frozen=True)
class Reference:
    folder: Path = Path("docs/reference")
    """where to write settings.md and programs.md"""


def main(args: Reference) -> None:
    """Write the pages on settings and on programs from the classes of settings and the modules of `steps`."""
    headings = _headings()
    for name, text in (("settings", _settings_page(headings)), ("programs", _programs_page(headings))):
        with publishing(args.folder / f"{name}.md") as temporary:
            temporary.write_text(HEAD + text, encoding="utf-8")


def _subclasses(kind: type[Settings]) -> Iterator[type[Settings]]:
    for one in kind.__subclasses__():
        yield one
        yield from _subclasses(one)


def _headings() -> dict[str, tuple[str, str]]:
    """The file and the heading of each class of settings, in the order of the pages; a class met twice is told once."""
    found: dict[str, tuple[str, str]] = {}
    # Entries of the catalogues are sections of theirs, not of the studies that hold some too.
    for file in ("models", "datasets", "claims", "study", "weight_sparse_study"):
        schema = SCHEMAS[file].model_json_schema()
        _visit(file, "", schema, schema["$defs"], found)
    return found


def _visit(file: str, path: str, schema: Any, parts: Any, found: dict[str, tuple[str, str]]) -> None:
    for key, value in schema["properties"].items():
        references = [name for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(value)) if name in parts]
        for name in dict.fromkeys(references):
            if name not in found:
                here = f"{path}.{key}".lstrip(".")
                kinds = next(iter(parts[name]["properties"].values()))
                variant = kinds.get("enum") or [kinds[word] for word in ("const",) if word in kinds]
                heading = f"{FILES[file][1]}{here}" + (f": {', '.join(variant)}" if len(set(references)) > 1 else "")
                found[name] = (file, heading)
                _visit(file, here, parts[name], parts, found)


def _slug(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _settings_page(headings: dict[str, tuple[str, str]]) -> str:
    classes = {one.__name__: one for one in _subclasses(Settings)}
    lines = [SETTINGS]
    for file, (title, _) in FILES.items():
        schema = SCHEMAS[file].model_json_schema()
        lines += [f"## {title}\n", *_section(SCHEMAS[file], schema, schema, headings, file)]
        for name, (where, heading) in headings.items():
            if where == file:
                lines += [f"### {heading}\n", *_section(classes[name], schema["$defs"][name], schema, headings, file)]
    return "\n".join(lines)


def _section(kind: type[Settings], part: Any, schema: Any, headings: Any, file: str) -> list[str]:
    lines = [
        _told(part["description"]) + "\n",
        "| key | value | default | meaning | flag of |",
        "|---|---|---|---|---|",
    ]
    for key, value in part["properties"].items():
        users = [f"[`{name}`](programs.md#{name})" for name in _users(kind, key, file)]
        told = ", ".join(users) if len(users) < 9 else f"{len(users)} programs"
        lines.append(_row(key, value, schema["$defs"], headings, part) + f" {told} |")
    return [*lines, ""]


def _row(key: str, value: Any, parts: Any, headings: Any, schema: Any, page: str = "") -> str:
    default = "" if key in schema.get("required", ()) else _default(value["default"])
    references = re.findall(r'"#/\$defs/(\w+)"', json.dumps(value))
    meaning = value.get("description") or (parts[references[0]]["description"] if references else "")
    if not meaning and ("const" in value or "enum" in value) and key in ("kind", "architecture"):
        meaning = "chooses these settings"
    cells = f"`{key}`", _words(value, headings, page), default, _told(meaning).rstrip(".")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _told(text: str) -> str:
    return " ".join(text.split())


def _default(value: Any) -> str:
    if isinstance(value, dict):
        return "its defaults" if value else "none"
    if value in (None, []):
        return "none"
    return (
        f"`{value:.4g}`" if isinstance(value, float) else f"`{value if isinstance(value, str) else json.dumps(value)}`"
    )


def _words(value: Any, headings: Any, page: str) -> str:
    """What a JSON Schema allows, in words; settings of a section are a link to it."""
    if "$ref" in value:
        _, heading = headings.get(name := value["$ref"].rpartition("/")[2], ("", ""))
        return f"[{heading}]({page}#{_slug(heading)})" if heading else name
    if options := value.get("anyOf") or value.get("oneOf"):
        words = [_words(one, headings, page) for one in options if one != {"type": "null"}]
        return _either([re.sub(r"^\[.*: ", "[", one) for one in words] if "discriminator" in value else words)
    if options := value.get("enum") or [value[word] for word in ("const",) if word in value]:
        return _either([f"`{one}`" for one in options])
    if value.get("type") == "array":
        inner = _words(value.get("items") or value["prefixItems"][0], headings, page)
        least = f", {value['minItems']} or more" if value.get("minItems", 0) > 1 else ""
        return f"list of {_plural(inner)}{least}"
    if value.get("type") == "object":
        inner = next(iter(value.get("patternProperties", {}).values()), value.get("additionalProperties"))
        words = _words(inner if isinstance(inner, dict) else {}, headings, page)
        return f"mapping of names to {_plural(words)}"
    named = value.get("format") or PATTERNS.get(value.get("pattern", "")) or TYPES.get(value.get("type", ""), "any")
    return " ".join([named, *(words.format(value[key]) for key, words in BOUNDS.items() if key in value)])


def _plural(words: str) -> str:
    return re.sub(r"^(text|name|site|whole number|number)\b", r"\1s", words)


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _users(kind: type[Settings], key: str, file: str) -> Iterator[str]:
    """The programs that are told a key: by the class that both inherit it from, or, at the top of a study, by name."""
    for name, step in _steps().items():
        settings = _settings_of(step)
        if settings and key in settings.model_fields:
            at_top = any(
                told.settings is settings and "" in told.sections and key not in told.others
                for told in TOLD.get(file, {}).values()
            )
            if (kind is SCHEMAS[file] and at_top) or _owner(kind, key) is _owner(settings, key):
                yield name


def _owner(kind: type[Settings], key: str) -> type:
    return next(one for one in kind.__mro__ if key in vars(one).get("__annotations__", {}))


@cache
def _steps() -> dict[str, Any]:
    names = sorted(path.stem for path in Path(steps.__path__[0]).glob("*.py") if path.stem != "__init__")
    return {name: importlib.import_module(f"{steps.__name__}.{name}") for name in names}


@cache
def _settings_of(step: Any) -> type[StepSettings] | None:
    kinds = get_type_hints(step.step).values()
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StepSettings)), None)


def _programs_page(headings: dict[str, tuple[str, str]]) -> str:
    lines = [PROGRAMS]
    for shared, title in SHARED.items():
        lines += [f"## {title}\n", *_flags([shared], headings), ""]
    for name, step in _steps().items():
        kinds = [kind for word, kind in get_type_hints(step.step).items() if word != "return"]
        also = [f"[{title.lower()}](#{_slug(title)})" for kind, title in SHARED.items() if kind in kinds]
        lines += [f"## {name}\n", _told(step.__doc__ or step.step.__doc__ or ""), ""]
        lines += [*_flags([kind for kind in kinds if kind not in SHARED], headings), ""]
        lines += [f"It also has flags for {' and '.join(also)}.\n"] if also else []
    return "\n".join(lines)


def _flags(kinds: list[Any], headings: Any) -> Iterator[str]:
    yield from ("| flag | value | default | meaning |", "|---|---|---|---|")
    for kind in kinds:
        if is_dataclass(kind):
            notes = {key: note for one in reversed(kind.__mro__) for key, note in _notes(one)}
            for field in fields(kind):
                default = "" if field.default is MISSING and field.default_factory is MISSING else field.default
                default = "none" if default in (None, (), MISSING) else f"`{default}`" if default != "" else ""
                many = "paths" if "list" in str(field.type) or "tuple" in str(field.type) else "path"
                value = many if "Path" in str(field.type) else PYTHON[getattr(field.type, "__name__", "")]
                yield f"| `{_flag(field.name)}` | {value} | {default} | {notes.get(field.name, '')} |"
        else:
            schema = kind.model_json_schema()
            for key, value in schema["properties"].items():
                row = _row(key, value, schema.get("$defs", {}), headings, schema, "settings.md")
                yield row.replace(f"`{key}`", f"`{_flag(key)}`", 1)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _notes(kind: type) -> Iterator[tuple[str, str]]:
    """The comment behind each field of a dataclass, or else the string below it."""
    if kind.__module__ == "builtins":
        return
    source = textwrap.dedent(inspect.getsource(kind))
    (definition,) = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    for field, note in pairwise([*definition.body, ast.Pass()]):
        if isinstance(field, ast.AnnAssign):
            told = source.splitlines()[(field.end_lineno or 0) - 1].partition("  # ")[2]
            if isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant):
                told = told or str(note.value.value)
            yield ast.unparse(field.target), _told(told)


if __name__ == "__main__":
    program(main)
