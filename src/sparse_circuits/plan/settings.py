"""What each rule's step is told: its settings, and the keys of the study that they are taken from.

A setting is found by its name: in the first of the rule's sections of the study that has it, or among the wildcards of
the job. What is no key of a study, or has another name there, stands under `Told.others`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sparse_circuits.config.base import StepSettings

Wildcards = Mapping[str, str]


@dataclass(frozen=True)
class Computed:
    """A setting that is computed from a study and a job's wildcards, and the keys that it depends on."""

    of: Callable[[Any, Wildcards], Any]
    keys: tuple[str, ...] | Callable[[Any, Wildcards], Iterable[str]] = ()


@dataclass(frozen=True)
class Told:
    """Where a step's settings come from. `{basis}` and the like stand for a job's wildcards."""

    settings: type[StepSettings]
    sections: tuple[str, ...] = ("",)
    others: Mapping[str, str | Computed] = field(default_factory=dict)
    """for a setting, the key of the study that has it under another name, or how it is computed"""

    def read(self, study: Any, wildcards: Wildcards) -> StepSettings:
        """Return the settings of one job."""
        found = {}
        for name in self.settings.model_fields:
            source = self._source(name, study, wildcards)
            if isinstance(source, Computed):
                found[name] = source.of(study, wildcards)
            elif source is not None:
                found[name] = value_at(study, source, wildcards)
            elif name in wildcards:
                found[name] = wildcards[name]
        return self.settings(**found)

    def keys(self, study: Any, wildcards: Wildcards) -> Iterator[str]:
        """The keys of the study that the settings of a job depend on."""
        for name in self.settings.model_fields:
            source = self._source(name, study, wildcards)
            if isinstance(source, Computed):
                keys = source.keys(study, wildcards) if callable(source.keys) else source.keys
                yield from (key.format_map(wildcards) for key in keys)
            elif source is not None:
                yield source.format_map(wildcards)

    def _source(self, name: str, study: Any, wildcards: Wildcards) -> str | Computed | None:
        """How a setting is computed, or the study's key for it; None where it is a wildcard or no study sets it."""
        if (other := self.others.get(name)) is not None:
            return other
        for section in self.sections:
            if name in getattr(type(value_at(study, section, wildcards)), "model_fields", {}):
                return f"{section}.{name}".lstrip(".")
        return None


def value_at(study: Any, key: str, wildcards: Wildcards = MappingProxyType({})) -> Any:
    """Return what a study has at a key such as `circuits.{basis}.method`; the study itself at the empty key."""
    for part in filter(None, key.split(".")):
        name = part.format_map(wildcards)  # which may hold a dot
        study = study[name] if isinstance(study, Mapping) else getattr(study, name)
    return study
