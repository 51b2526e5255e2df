"""How a study's activation cache is divided into shards."""

import math
from dataclasses import dataclass

from sparse_circuits.config.activations import Activations


@dataclass(frozen=True)
class Shard:
    """What one shard holds: sequences `begin` to `end` at neighbouring sites."""

    sites: list[str]
    begin: int
    end: int


@dataclass(frozen=True)
class CacheLayout:
    """The shards of a cache: all stretches of the sequences at the first group of sites, then at the next."""

    settings: Activations
    sites: list[str]

    @property
    def sequences(self) -> int:
        """Sequences that are cached."""
        return math.ceil(self.settings.tokens / self.settings.context)

    @property
    def held_out(self) -> int:
        """Sequences kept for evaluation."""
        return math.ceil(self.settings.held_out_tokens / self.settings.context)

    @property
    def rows(self) -> int:
        """Activations of a site, where none is a sink: one a token but the separator."""
        return self.sequences * (self.settings.context - 1)

    @property
    def stretches(self) -> int:
        """Shards of each group of sites."""
        return math.ceil(self.sequences / self._stretch)

    @property
    def count(self) -> int:
        """Shards of the whole cache."""
        return self.stretches * math.ceil(len(self.sites) / self._group)

    def shard(self, number: int) -> Shard:
        """Return what a shard holds."""
        group, stretch = divmod(number, self.stretches)
        first, begin = group * self._group, stretch * self._stretch
        return Shard(self.sites[first : first + self._group], begin, min(self.sequences, begin + self._stretch))

    def groups_of(self, sites: list[str]) -> list[int]:
        """Return the groups of sites that some sites are in."""
        return sorted({self.sites.index(site) // self._group for site in sites})

    def shards_of(self, sites: list[str]) -> list[int]:
        """Return the shards that hold some sites."""
        return [
            group * self.stretches + stretch for group in self.groups_of(sites) for stretch in range(self.stretches)
        ]

    @property
    def _stretch(self) -> int:
        """Sequences a shard."""
        return max(1, self.settings.shard_tokens // self.settings.context)

    @property
    def _group(self) -> int:
        """Sites a shard."""
        return self.settings.sites_per_shard or max(1, len(self.sites))
