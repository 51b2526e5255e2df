"""Score every node by how much of the metric's change goes through it."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.attribution.registry import ONE_PASS
from sparse_circuits.circuits.scores import save_scores, score_nodes
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.circuits import Method


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    pairs: Path
    """training pairs of the task"""
    sites: list[str]
    """sites in the order of the computation"""
    method: Method
    """attribution method"""
    scores: Path
    """HDF5 file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    steps: int = 10
    """points of the method's integral, if it has one"""
    by_position: bool = False
    """a node for each position, where all prompts have one length"""
    draw: int | None = None
    """pairs to draw; all when not given"""
    batch_tokens: int = 2048
    """tokens in one forward pass, over all pairs and steps in it"""
    seed: int = 0
    """which pairs are drawn"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    setup = set_up_circuits(
        args.model, args.pairs, args.draw, args.seed, args.saes, args.sites, choose_device(args.compute.device)
    )
    scores = score_nodes(
        setup.language, setup.groups, setup.basis, args.method, args.steps, args.batch_tokens, args.by_position
    )
    save_scores(args.scores, scores, args.method, 1 if args.method in ONE_PASS else args.steps)


if __name__ == "__main__":
    program(main, Arguments)
