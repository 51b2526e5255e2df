"""The dictionaries of a basis: features of autoencoders, or coordinates of the model."""

from collections.abc import Sequence
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import sha256
from sparse_circuits.circuits.basis import Basis, Coordinates, Features
from sparse_circuits.config.circuits import COORDINATES
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder, load_autoencoder

Nodes = str | Path | SparseAutoencoder | Sequence[SparseAutoencoder | str | Path]
"""The name of a basis of coordinates, an autoencoder or its folder as a Path, or a list of these."""


def load_basis(model: Model, saes: Sequence[Path], sites: Sequence[str]) -> Basis:
    """Load the dictionaries of sites: autoencoders, in the order of `sites`, or coordinates when there are none.

    Raises StudyError when a site or an autoencoder does not fit the model.
    """
    parsed = [Site.parse(site) for site in sites]
    for site in parsed:
        if site.layer >= model.num_layers:
            raise StudyError(f"site {site}: {model.name} has {model.num_layers} layers")
    if saes:
        if len(saes) != len(sites):
            raise StudyError(f"{len(sites)} sites and {len(saes)} folders of autoencoders; each site needs one")
        return {
            site: features_of(model, site, load_autoencoder(folder), f"{folder}/cfg.json")
            for site, folder in zip(parsed, saes, strict=True)
        }
    return {site: _coordinates(model, site) for site in parsed}


def basis_of(model: Model, nodes: Nodes) -> Basis:
    """Return the coordinates of all layers by the name of their basis, or features of autoencoders or their folders.

    Raises StudyError for an unknown name, and when an autoencoder does not fit the model.
    """
    if isinstance(nodes, str):
        if nodes not in COORDINATES:
            raise StudyError(f"nodes {nodes!r}: not known; give {', '.join(COORDINATES)}, or a list of autoencoders")
        return load_basis(model, [], [f"{COORDINATES[nodes]}.{layer}" for layer in range(model.num_layers)])
    found = []
    for one in [nodes] if isinstance(nodes, SparseAutoencoder | Path) else nodes:
        sae = one if isinstance(one, SparseAutoencoder) else load_autoencoder(Path(one))
        name = f"this {sae.architecture} autoencoder" if one is sae else f"{one}/cfg.json"
        site = site_of(sae, name)
        found.append((site, features_of(model, site, sae, name)))
    if not found:
        raise StudyError(f"nodes: an empty list; give {', '.join(COORDINATES)}, or a list of autoencoders")
    return dict(sorted(found, key=lambda pair: pair[0].order))


def site_of(sae: SparseAutoencoder, name: str) -> Site:
    """Return the site that an autoencoder or transcoder writes; raise StudyError when its metadata do not name it."""
    key = "hook_name_out" if sae.is_transcoder else "hook_name"
    if key not in sae.metadata:
        raise StudyError(f"{name} does not name its site (metadata: {key})")
    return Site.parse(sae.metadata[key])


def features_of(model: Model, site: Site, sae: SparseAutoencoder, name: str) -> Features:
    """Return the features of an autoencoder of `site`, or of a transcoder that writes it, on the model's device.

    `name` is what messages call it. Raises StudyError when it is of another model, site or width.
    """
    made_for = sae.metadata.get("hook_name")
    if sae.is_transcoder:
        if not {"hook_name", "hook_name_out"} <= sae.metadata.keys():
            raise StudyError(f"{name}: its metadata do not say what this {sae.architecture} reads and writes")
        made_for = sae.metadata["hook_name_out"]
    if made_for not in (None, str(site)):
        raise StudyError(f"{name}: trained on {made_for}, asked to serve {site}")
    trained_for = sae.metadata.get("model_name")
    if trained_for not in (None, model.name):
        raise StudyError(f"{name}: trained on {trained_for}, asked to serve {model.name}")
    reads = Site.parse(sae.metadata["hook_name"]) if sae.is_transcoder else None
    for what, place, width in (("reads", reads or site, sae.d_in), ("writes", site, sae.W_dec.shape[1])):
        if width != model.width(place):
            raise StudyError(f"{name}: {what} width {width}; {place} of {model.name} has {model.width(place)}")
    return Features(sae.to(model.device), reads)


def _coordinates(model: Model, site: Site) -> Coordinates:
    """The coordinates of a site: an attention head's together, else each by itself."""
    width = model.width(site)
    if site.kind == "heads":
        heads = model.network.config.num_attention_heads
        return Coordinates(heads, width // heads)
    return Coordinates(width)


def sae_hashes(sites: Sequence[str], folders: Sequence[Path]) -> dict[str, str]:
    """Return the sha256 of each site's autoencoder; none where there are no folders."""
    return {site: sha256(folder / "sae_weights.safetensors") for site, folder in zip(sites, folders, strict=False)}
