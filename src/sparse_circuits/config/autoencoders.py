"""The sparse autoencoders of a study: those trained here, an architecture each, and published ones."""

from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sparse_circuits.config.base import Amount, Name, Positive, Seed, Settings, Share, SiteName
from sparse_circuits.config.catalogue import PublishedSAE

SEPARATOR = "__"  # between an entry's name and the values of one of its combinations
SINGULAR = {"seeds": "seed"}
LISTS = ("widths",)  # settings that are lists by themselves

Kind = Literal["autoencoder", "transcoder", "skip_transcoder", "crosscoder", "cross_layer_transcoder"]
WITHOUT_LAYERS = ("gated", "matryoshka")  # architectures whose loss is not one error of one reconstruction


class Trained(Settings):
    """What all autoencoders that are trained here have."""

    architecture: str
    kind: Kind = Field("autoencoder", description="what is read and written (docs/reference/studies.md)")
    seed: Seed | None = Field(None, description="of the initial weights; the study's when not given")
    d_sae: Positive = Field(description="features; of a `cross_layer_transcoder`, those of each layer")
    epochs: Positive = Field(2, description="passes over the cache")
    batch: Positive = Field(2048, description="rows in a step; all epochs together must have that many")
    learning_rate: Amount = Field(1e-3, description="peak learning rate of Adam")
    aux_coefficient: Annotated[float, Field(ge=0)] = Field(
        1 / 32, description="weight of AuxK, which revives dead features; 0 for none"
    )
    aux_k: Positive = Field(256, description="dead features that AuxK revives at a time")
    dead_after: Positive = Field(10_000_000, description="tokens without firing that make a feature dead")

    @model_validator(mode="after")
    def _one_error(self) -> Self:
        if self.kind == "cross_layer_transcoder" and self.architecture in WITHOUT_LAYERS:
            raise ValueError(f"a cross_layer_transcoder cannot be {self.architecture}")
        return self


class KSparse(Trained):
    """What architectures have whose sparsity is given."""

    k: Positive = Field(description="features active in a row; of a `cross_layer_transcoder`, in each layer")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.k > self.d_sae:
            raise ValueError(f"k ({self.k}) is larger than d_sae ({self.d_sae})")
        return self


class TopK(KSparse):
    """k features in each row (Gao et al. 2024, arXiv 2406.04093)."""

    architecture: Literal["topk"]


class BatchTopK(KSparse):
    """k features a row on average over a batch (Bussmann et al. 2024, arXiv 2412.06410)."""

    architecture: Literal["batch_topk"]


class Matryoshka(KSparse):
    """BatchTopK whose first features reconstruct by themselves (Bussmann et al. 2025, arXiv 2503.17547)."""

    architecture: Literal["matryoshka"]
    widths: Annotated[list[Positive], Field(min_length=2)] = Field(
        description="features of each part, ascending to `d_sae`"
    )

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if sorted(set(self.widths)) != self.widths or self.widths[-1] != self.d_sae:
            raise ValueError(f"`widths` must ascend to d_sae ({self.d_sae}), found {self.widths}")
        return self


class Penalised(Trained):
    """What architectures have whose sparsity is paid for."""

    learning_rate: Amount = Field(3e-4, description="peak learning rate of Adam")
    sparsity_warm_up: Share = Field(0.1, description="share of training over which the penalty rises from 0")


class Standard(Penalised):
    """ReLU and an L1 penalty (Bricken et al. 2023)."""

    architecture: Literal["standard"]
    l1: Amount = Field(description="coefficient of the penalty")


class PAnneal(Penalised):
    """ReLU and an Lp penalty whose p falls from 1 (Karvonen et al. 2024, arXiv 2408.00113)."""

    architecture: Literal["p_anneal"]
    l1: Amount = Field(description="coefficient of the penalty")
    p_end: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="p at the end")
    anneal_from: Annotated[float, Field(ge=0, lt=1)] = Field(0.3, description="share of training after which p falls")


class Gated(Penalised):
    """Separate weights for whether and how much (Rajamanoharan et al. 2024, arXiv 2404.16014)."""

    architecture: Literal["gated"]
    l1: Amount = Field(description="coefficient of the penalty on the gates")


class JumpReLU(Penalised):
    """A learned threshold a feature (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

    architecture: Literal["jumprelu"]
    l0: Amount = Field(description="coefficient of the penalty")
    penalty: Literal["step", "tanh", "quadratic"] = Field("step", description="what is paid for an active feature")
    target_l0: Amount = Field(32.0, description="L0 that the quadratic penalty asks for")
    tanh_scale: Amount = Field(4.0, description="scale of values in the tanh penalty")
    threshold: Amount = Field(0.01, description="thresholds at the start, in units of the data's deviation")
    bandwidth: Amount = Field(0.05, description="width of the band in which thresholds learn, in the same units")


class Pretrained(Settings):
    """Published autoencoders, one a site, used as they are."""

    architecture: Literal["pretrained"]
    sites: dict[SiteName, PublishedSAE] = Field(description="the autoencoder of each site of the study")


Trainable = Annotated[
    TopK | BatchTopK | Matryoshka | Standard | PAnneal | Gated | JumpReLU, Field(discriminator="architecture")
]
SAE = Annotated[
    TopK | BatchTopK | Matryoshka | Standard | PAnneal | Gated | JumpReLU | Pretrained,
    Field(discriminator="architecture"),
]


class Entries(Settings):
    """Autoencoders to train in one pass over a cache."""

    saes: Annotated[dict[Name, Trainable], Field(min_length=1)] = Field(description="what to train, by name")


def spread(saes: dict[str, Any]) -> dict[str, Any]:
    """Return a study's autoencoders with one entry for each combination of the settings that are given as lists.

    `topk: {k: [16, 32], seeds: [0, 1]}` becomes `topk__k16__seed0` and three more. Raises ValueError for an empty list,
    and when two entries come to have the same name.
    """
    found: dict[str, Any] = {}
    for name, entry in saes.items():
        swept = swept_keys(entry)
        if "seeds" in swept and "seed" in entry:
            raise ValueError(f"`saes.{name}` has both `seed` and `seeds`")
        if empty := [key for key in swept if not entry[key]]:
            raise ValueError(f"`saes.{name}.{empty[0]}`: the list of values to try is empty")
        for values in product(*(entry[key] for key in swept)):
            single = [(SINGULAR.get(key, key), value) for key, value in zip(swept, values, strict=True)]
            member = SEPARATOR.join([name, *(f"{key}{value}" for key, value in single)])
            if member in found:
                raise ValueError(f"`saes.{name}`: {member} is given twice")
            found[member] = {k: v for k, v in entry.items() if k not in swept} | dict(single) if swept else entry
    return found


def swept_keys(entry: Any) -> list[str]:
    """Return the keys of an entry that are given as lists of values to try."""
    given = entry.items() if isinstance(entry, dict) else ()
    return [key for key, value in given if isinstance(value, list) and key not in LISTS]
