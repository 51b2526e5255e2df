"""Cluster described tokens, find a circuit for every cluster, and judge it on held-out members."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparse_circuits.circuits.discovery.catalogue import describe_clusters, feature_ids, summary, table
from sparse_circuits.circuits.discovery.circuits import cluster_circuits
from sparse_circuits.circuits.discovery.clusters import cluster, sparse_vectors
from sparse_circuits.circuits.discovery.descriptions import load_autoencoders
from sparse_circuits.circuits.discovery.store import load_tokens
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import sha256, write_csv, write_json
from sparse_circuits.interpret.tokens import token_notes
from sparse_circuits.models.load import load_language_model, load_tokenizer, model_card
from sparse_circuits.models.texts import pieces

NOTED = 10  # nodes of each circuit whose promoted tokens are told


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    model: Path
    """folder of the model"""
    saes: list[Path]
    """folder of each site's autoencoder"""
    sites: list[str]
    """sites in the order of the computation"""
    found: Path
    """described tokens"""
    clusters: int
    """clusters to make"""
    sizes: list[int]
    """nodes a circuit, ascending"""
    catalogue: Path
    """JSON file to write"""
    table: Path
    """CSV file to write"""
    members: int = 6
    """held-out members each circuit is run on"""
    batch_tokens: int = 1024
    """tokens in one pass"""
    seed: int = 0
    """clusters and random circuits"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    saes = load_autoencoders(language, args.sites, args.saes)
    targets, descriptions = load_tokens(args.found)
    width = sum(sae.width for sae in saes.values())
    vectors = sparse_vectors(descriptions.feature.numpy(), descriptions.attribution.numpy(), width)
    clusters = cluster(vectors, targets.held_out.numpy(), args.clusters, args.seed)
    circuits = cluster_circuits(
        language,
        saes,
        targets,
        descriptions,
        vectors,
        clusters,
        args.sizes,
        args.members,
        args.seed,
        args.batch_tokens,
    )
    ids = feature_ids(saes)
    rows = np.cumsum([0, *(sae.width for sae in saes.values())])
    decoders = list(saes.values())
    directions = {}
    for feature in sorted({feature for circuit in circuits for feature in circuit.features[:NOTED]}):
        site = int(np.searchsorted(rows, feature, side="right")) - 1
        directions[ids[feature]] = decoders[site].W_dec[feature - int(rows[site])]
    tokenizer = load_tokenizer(args.model)
    entries = describe_clusters(
        circuits,
        args.sizes,
        saes,
        targets,
        descriptions,
        lambda tokens: "".join(pieces(tokenizer, tokens)),
        token_notes(language, tokenizer, directions),
    )
    card = model_card(args.model)
    facts = {
        "study": args.study,
        "model": card["name"],
        "metric": "log_odds",
        "ablation": "mean",
        "method": "relp",
        "tokens": {"train": int((~targets.held_out).sum()), "held_out": int(targets.held_out.sum())},
        "sha256": {
            "model": card["sha256"]["model.safetensors"],
            "tokens": sha256(args.found),
            "saes": {s: sha256(p / "sae_weights.safetensors") for s, p in zip(args.sites, args.saes, strict=True)},
        },
    }
    write_json(args.catalogue, {**facts, "summary": summary(entries), "clusters": entries})
    write_csv(args.table, table(entries))
    print(f"{len(entries)} clusters with a circuit")


if __name__ == "__main__":
    program(main, Arguments)
