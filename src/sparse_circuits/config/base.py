"""The strict base of all settings, and how their mistakes are told."""

import difflib
import json
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, WithJsonSchema

from sparse_circuits.base.errors import StudyError
from sparse_circuits.config.site import Site


def _is_site(text: str) -> str:
    Site.parse(text)
    return text


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=200)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Positive = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
SiteName = Annotated[str, AfterValidator(_is_site), WithJsonSchema({"type": "string", "format": "site"})]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
T = TypeVar("T", bound="Settings")


class Settings(BaseModel):
    """Frozen settings in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StepSettings(Settings):
    """What one step is told: each field is a flag of its program."""

    def flags(self) -> list[str]:
        """Return the words of the command line that say these settings; settings within them are JSON."""
        words: list[str] = []
        for name, value in self:
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            elif isinstance(value, list | tuple) and value:
                words += [f"--{flag}", *map(str, value)]
            elif isinstance(value, Settings):
                words += [f"--{flag}", value.model_dump_json()]
            elif isinstance(value, dict):
                words += [f"--{flag}", json.dumps(self.model_dump(mode="json", include={name})[name])]
            elif isinstance(value, str) and value.startswith("-"):  # else it would be taken for a flag
                words.append(f"--{flag}={value}")
            elif value != [] and not (value is None and type(self).model_fields[name].default is None):
                words += [f"--{flag}", str(value)]
        return words


def validate(kind: type[T], data: Any, where: str) -> T:
    """Return a mapping as a `kind`; raise StudyError that names the first mistake."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise StudyError(f"{where}: {_explain(error, kind, data)}") from None


def _explain(error: ValidationError, kind: type[BaseModel], data: Any) -> str:
    first = error.errors(include_url=False)[0]
    path = ".".join(_keys(first["loc"], data, missing=first["type"] == "missing"))
    if first["type"] == "extra_forbidden":
        unknown = str(first["loc"][-1])
        near = difflib.get_close_matches(unknown, _known_keys(kind), n=1, cutoff=0.5)
        return f"unknown key `{path}`" + (f"; did you mean `{near[0]}`?" if near else "")
    if first["type"] == "missing":
        return f"key `{path}` is missing"
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return message
    value = repr(first["input"])
    return f"`{path}`: {message}" + (f" (found {value})" if len(value) < 80 else "")


def _keys(location: tuple[int | str, ...], data: Any, missing: bool) -> Iterator[str]:
    """The part of an error's location that stands in the data: pydantic also names which kind of a union it took."""
    for number, part in enumerate(location):
        found = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if found or (missing and number == len(location) - 1):
            yield str(part)
        data = data[part] if found else data


def _known_keys(kind: type[BaseModel]) -> list[str]:
    """All keys of a settings class and of those nested in it."""
    keys: list[str] = []
    schema = kind.model_json_schema()
    for part in [schema, *schema.get("$defs", {}).values()]:
        keys += part.get("properties", {})
    return keys
