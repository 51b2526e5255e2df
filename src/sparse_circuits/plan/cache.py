"""How a study's activation cache is divided into shards."""

import math
from dataclasses import dataclass

from sparse_circuits.studies.study import Place, Study


@dataclass(frozen=True)
class Shard:
    """What one shard holds: sequences `begin` to `end` at neighbouring sites."""

    sites: list[str]
    begin: int
    end: int


@dataclass(frozen=True)
class CacheLayout:
    """The shards of a cache: all stretches of the sequences at the first group of sites, then at the next."""

    sites: list[str]
    sequences: int
    held_out: int
    a_shard: int
    """sequences a shard"""
    sites_together: int

    @classmethod
    def of(cls, study: Study) -> "CacheLayout":
        """Return the layout of a study's cache."""
        settings, sites = study.activations, study.cached_sites
        return cls(
            sites=sites,
            sequences=math.ceil(settings.tokens / settings.context),
            held_out=math.ceil(settings.held_out_tokens / settings.context),
            a_shard=max(1, settings.shard_tokens // settings.context),
            sites_together=settings.sites_per_shard or max(1, len(sites)),
        )

    @property
    def stretches(self) -> int:
        """Shards of each group of sites."""
        return math.ceil(self.sequences / self.a_shard)

    @property
    def count(self) -> int:
        """Shards of the whole cache."""
        return self.stretches * math.ceil(len(self.sites) / self.sites_together)

    def shard(self, number: int) -> Shard:
        """Return what a shard holds."""
        group, stretch = divmod(number, self.stretches)
        first, begin = group * self.sites_together, stretch * self.a_shard
        sites = self.sites[first : first + self.sites_together]
        return Shard(sites, begin, min(self.sequences, begin + self.a_shard))

    def shards_of(self, place: Place) -> list[int]:
        """Return the shards that hold what is read and written at a place."""
        groups = sorted({self.sites.index(site) // self.sites_together for site in place.reads + place.writes})
        return [number for group in groups for number in range(group * self.stretches, (group + 1) * self.stretches)]
