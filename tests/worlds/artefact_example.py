"""Artefacts with what a test says, and null, 0, "" or nothing for all else."""

from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from sparse_circuits.artefacts.artefact import Part

T = TypeVar("T", bound=Part)
UNSAID = object()


def example(kind: type[T], **given: Any) -> T:
    """Return an artefact or part; parts of `given` need not be whole either."""
    return kind.model_validate(_filled(kind, given))


def _filled(kind: Any, given: Any) -> Any:
    origin, args = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, UnionType):
        if given is UNSAID:
            return None if NoneType in args else _filled(args[0], UNSAID)
        return _filled(args[0], given) if given is not None and args[1:] == (NoneType,) else given
    if origin is Literal:
        return args[0] if given is UNSAID else given
    if isinstance(given, Part):
        return given
    if issubclass(origin, Part):
        said = {} if given is UNSAID else given
        fields = {name: of for name, of in kind.model_fields.items() if of.is_required() or name in said}
        return {**said, **{name: _filled(of.annotation, said.get(name, UNSAID)) for name, of in fields.items()}}
    if given is UNSAID:
        return [_filled(of, UNSAID) for of in args] if origin is tuple else origin()
    if origin is list:
        return [_filled(args[0], one) for one in given]
    if origin is dict:
        return {key: _filled(args[1], one) for key, one in given.items()}
    return given
