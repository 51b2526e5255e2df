"""What all command-line programs share: flags from a dataclass, threads and device set, errors in one line."""

import errno
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import tyro
from pydantic import TypeAdapter

from sparse_circuits.base.clone import check_library
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.machine import RAN_ON, describe_machine
from sparse_circuits.config.base import Settings, StepSettings, validate


def print_any_text() -> None:
    """Have standard output escape what its encoding cannot write, instead of failing after the work."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a StudyError, and a file or folder that may not be read or written, into one line and exit status 1."""
    try:
        yield
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from None


def program(step: Callable[..., None]) -> None:
    """Parse the command line as the parameters of `step`, say where this runs, and call it."""
    print_any_text()
    with one_line_errors():
        options = parse(step, sys.argv[1:])
        print(RAN_ON + json.dumps(describe_machine()), file=sys.stderr, flush=True)
        check_library(Path(sys.argv[0]).resolve().parents[1])
        step(**options)


def parse(step: Callable[..., None], words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a step as the words of a command line give them."""
    kinds = {name: kind for name, kind in get_type_hints(step).items() if name != "return"}
    arguments = make_dataclass("Arguments", kinds.items(), frozen=True)
    with _reading_json():
        options: Any = tyro.cli(arguments, args=words, description=step.__doc__, config=(tyro.conf.OmitArgPrefixes,))
    return dict(vars(options))


def _reading_json() -> tyro.constructors.ConstructorRegistry:
    """Have tyro read settings and mappings within a step's settings as one word of JSON, as `StepSettings.flags` writes
    them."""
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def rule(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
        if not _is_json(info.type):
            return None
        adapter: TypeAdapter[Any] = TypeAdapter(info.type)
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="JSON",
            instance_from_str=lambda words: _from_json(info.type, words[0]),
            is_instance=lambda value: True,
            str_from_instance=lambda value: [adapter.dump_json(value).decode()],
        )

    return registry


def _from_json(kind: Any, text: str) -> Any:
    """The value of a flag of JSON; raises StudyError for settings that are wrong, ValueError for what is no JSON."""
    if isinstance(kind, type) and issubclass(kind, Settings):
        return validate(kind, json.loads(text), kind.__name__)
    return TypeAdapter(kind).validate_json(text)


def _is_json(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Settings):
        return not issubclass(kind, StepSettings)
    return get_origin(kind) is dict or any(_is_json(part) for part in get_args(kind))
