"""Describe the features of a study's circuits at one site: where they are active, what drives and follows them."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import sequences_attributes
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.site import Site
from sparse_circuits.files import sha256, write_json
from sparse_circuits.interpret.circuits import site_nodes
from sparse_circuits.interpret.describe import Amounts, describe_nodes
from sparse_circuits.interpret.firing import read_firing
from sparse_circuits.interpret.images import describe_on_images
from sparse_circuits.models.load import load_language_model, load_tokenizer, model_card
from sparse_circuits.sae.autoencoder import load_autoencoder


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    model: Path
    """folder of the model"""
    sae: Path
    """folder of the site's autoencoder, or of the transcoder that writes it"""
    activations: Path
    """folder of the activation cache, with sequences.h5"""
    circuits: list[Path]
    """circuit.json of each task"""
    site: str
    """site to describe"""
    shard_sequences: int
    """sequences a shard of the cache"""
    interpretation: Path
    """JSON file to write"""
    tokens: int | None = None
    """describe on the first so many cached tokens; all of them when not given"""
    contexts: int = 10
    """top contexts a node"""
    quantiles: int = 10
    """quantiles of the activations, with a context from each"""
    window: int = 32
    """tokens a context"""
    inputs: int = 3
    """top contexts whose activation is attributed to their tokens"""
    judged: int = 5
    """held-out tokens a quantile to judge a label on"""
    batch_tokens: int = 2048
    """tokens in one forward pass"""
    seed: int = 0
    """that the cache was written with; also draws contexts"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    site = Site.parse(args.site)
    nodes = site_nodes(args.circuits, args.site)
    language = load_language_model(args.model, device)
    sae = load_autoencoder(args.sae)
    # A transcoder's features are read at another site than the one that they write, which names them.
    reads = Site.parse(sae.metadata["hook_name"]) if sae.is_transcoder else site
    sae = load_autoencoder(args.sae, str(reads), language.width(reads)).to(device)
    grid = language.grid(site) if language.sees else None
    positions = language.positions(torch.empty(1, 0), reads) if grid else None
    firing = read_firing(
        args.activations, str(reads), sae, list(nodes), args.shard_sequences, args.seed, args.tokens, device, positions
    )
    tokenizer = load_tokenizer(args.model)
    if grid:
        written = sae.W_dec[list(nodes)]
        described = describe_on_images(language, tokenizer, site, written, list(nodes), firing, grid, args.contexts)
    else:
        amounts = Amounts(args.contexts, args.quantiles, args.window, args.inputs, args.judged)
        described = describe_nodes(
            language, tokenizer, site, reads, sae, list(nodes), firing, amounts, args.seed, args.batch_tokens
        )
    card = model_card(args.model)
    facts = {
        "study": args.study,
        "site": args.site,
        "model": card["name"],
        "corpus": sequences_attributes(args.activations / "sequences.h5")["corpus"],
        "tokens": firing.tokens,
        "held_out_tokens": int(firing.cached[firing.judged].sum()),
        **({"grid": list(grid)} if grid else {"window": args.window}),
        "sha256": {
            "model": card["sha256"]["model.safetensors"],
            "sae": sha256(args.sae / "sae_weights.safetensors"),
            "sequences": sha256(args.activations / "sequences.h5"),
        },
    }
    listed = [{**note, **nodes[index]} for index, note in zip(nodes, described, strict=True)]
    write_json(args.interpretation, {**facts, "nodes": listed})
    for note in listed:
        print(f"{note['id']}: {note['label']}")


if __name__ == "__main__":
    program(main, Arguments)
