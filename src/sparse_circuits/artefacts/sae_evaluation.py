"""evaluation.json of an autoencoder or transcoder: what it makes of held-out activations, and the model with it."""

from typing import ClassVar

from sparse_circuits.artefacts.artefact import Artefact, Interval, Part


class CrossEntropy(Part):
    """Nats a token of the model, and of the model with the reconstruction or zeros in the activation's place."""

    clean: float
    sae: float
    zero: float


class Divergence(Part):
    """KL divergence in nats a token from the model's predictions, with the reconstruction or zeros in place."""

    sae: float
    zero: float


class Recovered(Part):
    """Shares of the loss between zeros and the activation itself that the reconstruction recovers."""

    ce_recovered: float
    kl_recovered: float
    ce: CrossEntropy
    kl: Divergence


class Identity(Part):
    """Which autoencoder it is: the sites that it reads, and its sizes."""

    site: str
    architecture: str
    d_in: int
    d_sae: int


class SiteQuality(Part):
    """Measures at one site that is written, or means over several."""

    l0: float
    fvu: float
    explained_variance: float
    explained_variance_centred: float
    cosine: float
    l2_ratio: float
    ce_recovered: float
    kl_recovered: float
    ce: CrossEntropy
    kl: Divergence


class Density(Part):
    """Histogram of the features' firing shares; `silent` ones fired on no held-out row."""

    log10_edges: list[float]
    features: list[int]
    silent: int


class DecoderCosine(Part):
    """Of each feature's largest cosine with another row of W_dec."""

    mean: float
    p95: float


class SAEEvaluation(Artefact, SiteQuality, Identity):
    """The whole file. The keys of the last base stand first in it."""

    rule: ClassVar = "evaluate_sae"

    ci95: dict[str, Interval]
    dead_fraction: float
    dense_fraction: float
    density: Density
    decoder_cosine: DecoderCosine
    tokens: int
    by_site: dict[str, SiteQuality] | None = None
    together: Recovered | None = None
