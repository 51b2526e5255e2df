"""manifest.json of a cache: what it was made from, and its shards."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Part


class CachedSite(Part):
    """How a site is stored, and how many rows it has."""

    dtype: str
    rows: int


class CachedShard(Part):
    """One file."""

    file: str
    sites: list[str]
    rows: int
    bytes: int
    sha256: str


class CacheManifest(Artefact):
    """The whole file."""

    rule: ClassVar = "write_manifest"

    corpus: str
    corpus_sha256: str
    model: str
    seed: int
    tokenizer_sha256: str
    sites: dict[str, CachedSite]
    shards: list[CachedShard]
