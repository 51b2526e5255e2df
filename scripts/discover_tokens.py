"""Find tokens that the model predicts well, and describe each by what every feature adds to its prediction."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.circuits.discovery.descriptions import describe, feature_means, load_autoencoders
from sparse_circuits.circuits.discovery.store import save_tokens
from sparse_circuits.circuits.discovery.tokens import Wanted, find_targets
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.models.load import load_language_model


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    sequences: Path
    """token sequences of the cache"""
    saes: list[Path]
    """folder of each site's autoencoder"""
    sites: list[str]
    """sites in the order of the computation"""
    found: Path
    """HDF5 file to write"""
    tokens: int = 4000
    """tokens to find"""
    context: int = 24
    """tokens a window, separator included"""
    max_loss: float = 0.5
    """highest loss of a token, in nats"""
    a_window: int = 6
    """tokens of one window at most"""
    kept: int = 300
    """features kept of each token's description"""
    batch_tokens: int = 1024
    """tokens in one pass"""
    seed: int = 0
    """which tokens of a window"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    language = load_language_model(args.model, choose_device(args.compute.device))
    saes = load_autoencoders(language, args.sites, args.saes)
    wanted = Wanted(args.tokens, args.context, args.max_loss, args.a_window)
    targets = find_targets(language, read_sequences(args.sequences, "train"), wanted, args.seed, args.batch_tokens)
    means = feature_means(language, saes, targets, args.batch_tokens)
    save_tokens(args.found, targets, describe(language, saes, targets, means, args.kept, args.batch_tokens))
    print(f"{len(targets)} tokens in {len(targets.tokens)} windows")


if __name__ == "__main__":
    program(main, Arguments)
