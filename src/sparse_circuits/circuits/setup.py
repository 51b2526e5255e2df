"""What every step on circuits begins with: the model, the task's tokens, the basis of nodes."""

from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.circuits.basis import Basis, Dictionary, Features, Neurons
from sparse_circuits.config import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.models import Language, load_language_model, load_tokenizer
from sparse_circuits.sae import load_autoencoder
from sparse_circuits.tasks import PairBatch, encode_pairs, read_pairs


@dataclass(frozen=True)
class Setup:
    """A model, pairs grouped by length, and the dictionaries of the sites."""

    language: Language
    groups: list[tuple[list[int], PairBatch]]
    basis: Basis


def set_up_circuits(
    model: Path, pairs: Path, limit: int | None, saes: list[Path], sites: list[str], device: torch.device
) -> Setup:
    """Load what a circuit needs, with the first `limit` pairs, or all of them.

    `saes` stand in the order of `sites`; without them the nodes are the coordinates of the sites.

    Raises StudyError when a model, a pair or an autoencoder does not fit.
    """
    language = load_language_model(model, device)
    groups = encode_pairs(read_pairs(pairs)[:limit], load_tokenizer(model), language.separator_id)
    parsed = [Site.parse(site) for site in sites]
    for site in parsed:
        if site.layer >= language.num_layers:
            raise StudyError(f"site {site}: {language.name} has {language.num_layers} layers")
    basis: dict[Site, Dictionary] = {}
    if saes:
        for site, folder in zip(parsed, saes, strict=True):
            sae = load_autoencoder(folder, str(site), language.width(site))
            if sae.is_transcoder:
                raise StudyError(f"{folder}: a {sae.architecture} does not reconstruct {site}; name an autoencoder")
            basis[site] = Features(sae.to(device))
    else:
        for site in parsed:
            basis[site] = Neurons(language.width(site))
    return Setup(language, groups, basis)
