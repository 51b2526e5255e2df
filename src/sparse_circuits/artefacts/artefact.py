"""What all JSON artefacts share: strict keys, the rule that makes them, and the version of their layout."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json

Interval = tuple[float, float]
"""Lower and upper end of a 95 % confidence interval."""
Number = int | float
"""A number that stays an integer where it was one."""


class Part(BaseModel):
    """A part of an artefact. Keys that were not set are not written; unknown ones are an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    def plain(self) -> dict[str, Any]:
        """Return what is written, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True)


class Artefact(Part):
    """A JSON file of results/."""

    rule: ClassVar[str]  # the rule that makes it
    version: ClassVar[int] = 1  # of its layout; written as `schema` from 2 on: a file without it is of the first

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read and check a file; raise StudyError that says how to make it anew when it is of another version."""
        data = read_json(path)
        version = data.pop("schema", 1) if isinstance(data, dict) else 1
        if version != cls.version:
            raise cls._other(path, f"layout {version}, this release reads {cls.version}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = "".join(f"`{key}`: " for key in [".".join(map(str, first["loc"]))] if key)
            raise cls._other(path, key + first["msg"].lower()) from None

    @classmethod
    def _other(cls, path: Path, what: str) -> StudyError:
        return StudyError(
            f"{path}: not what this release's rule {cls.rule} writes ({what}); make it anew: "
            f"snakemake --configfile STUDY --force {path}"
        )

    def write(self, path: Path) -> None:
        """Publish the file; NaN and infinity, which JSON does not have, raise ValueError."""
        write_json(path, self.plain() if self.version == 1 else {"schema": self.version, **self.plain()})
