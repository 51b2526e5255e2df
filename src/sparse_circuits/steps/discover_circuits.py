from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.discovery_catalogue import DiscoveredTokens, DiscoveryCatalogue, DiscoveryHashes
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.circuits.dictionaries import sae_hashes
from sparse_circuits.circuits.discovery.catalogue import describe_clusters, noted_directions, summary
from sparse_circuits.circuits.discovery.circuits import cluster_circuits
from sparse_circuits.circuits.discovery.clusters import cluster, sparse_vectors
from sparse_circuits.circuits.discovery.descriptions import load_autoencoders
from sparse_circuits.circuits.discovery.store import load_tokens
from sparse_circuits.circuits.promoted import token_notes
from sparse_circuits.config.discover_circuits import DiscoverCircuits
from sparse_circuits.models.load import load_model, model_card
from sparse_circuits.models.texts import pieces


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    saes: list[Folder]  # folder of each site's autoencoder
    found: Path  # described tokens
    catalogue: Path  # JSON file to write
    table: Path  # CSV file to write


def step(files: Files, settings: DiscoverCircuits, compute: Compute) -> None:
    """Cluster described tokens, find a circuit for every cluster, and judge it on held-out members."""
    model = load_model(files.model, compute.start())
    saes = load_autoencoders(model, settings.sites, files.saes)
    targets, descriptions = load_tokens(files.found)
    width, held_out = sum(sae.width for sae in saes.values()), targets.held_out.numpy()
    vectors = sparse_vectors(descriptions.feature.numpy(), descriptions.attribution.numpy(), width)
    clusters = cluster(vectors, held_out, settings.clusters, settings.seed)
    circuits = cluster_circuits(model, saes, targets, descriptions, vectors, clusters, settings)
    notes = token_notes(model, noted_directions(circuits, saes))
    entries = describe_clusters(
        circuits, settings.sizes, saes, targets, descriptions, lambda ids: "".join(pieces(model.tokenizer, ids)), notes
    )
    card = model_card(files.model)
    catalogue = DiscoveryCatalogue(
        study=settings.study,
        model=card["name"],
        metric="log_odds",
        ablation="mean",
        method="relp",
        tokens=DiscoveredTokens(train=int((~held_out).sum()), held_out=int(held_out.sum())),
        sha256=DiscoveryHashes(
            model=card["sha256"]["model.safetensors"],
            tokens=sha256(files.found),
            saes=sae_hashes(settings.sites, files.saes),
        ),
        summary=summary(entries),
        clusters=entries,
    )
    catalogue.write(files.catalogue)
    catalogue.write_table(files.table)
    print(f"{len(entries)} clusters with a circuit")
