"""Artefacts with what a test says and nothing, 0 or "" for all else."""

from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from sparse_circuits.artefacts.artefact import Part

T = TypeVar("T", bound=Part)


def example(kind: type[T], **given: Any) -> T:
    """Return an artefact or part; parts of `given` need not be whole either."""
    return kind.model_validate(_filled(kind, given))


def _filled(kind: Any, given: Any) -> Any:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        return _filled(args[0], given) if given is None or (len(args) == 2 and None in (*args, type(None))) else given
    if origin is Literal:
        return args[0] if given is None else given
    if issubclass(origin, Part):
        known = given or {}
        needed = {name: field.annotation for name, field in kind.model_fields.items()}
        needed = {name: of for name, of in needed.items() if kind.model_fields[name].is_required() or known.get(name)}
        return {**known, **{name: _filled(of, known.get(name)) for name, of in needed.items()}}
    if given is None:
        return [_filled(of, None) for of in args] if origin is tuple else origin()
    if origin is list:
        return [_filled(args[0], one) for one in given]
    if origin is dict:
        return {key: _filled(args[1], one) for key, one in given.items()}
    return given
