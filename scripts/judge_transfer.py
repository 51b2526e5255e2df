"""Judge on natural sentences the nodes that were found on templates: are they necessary there, and sufficient?"""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.circuits.transfer import judge_transfer
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import write_json


@dataclass(frozen=True)
class Arguments:
    study: str
    """name of the study"""
    model: Path
    """folder of the model"""
    pairs: Path
    """natural sentences to judge by"""
    tasks: list[str]
    """names of the tasks made of templates"""
    scores: list[Path]
    """node scores of each task"""
    fit: Path
    """node scores and means of other natural sentences"""
    sites: list[str]
    """sites in the order of the computation"""
    saes: list[Path]
    """folder of each site's autoencoder"""
    nodes: int
    """nodes of a circuit"""
    transfer: Path
    """JSON file to write"""
    random_circuits: int = 3
    """matched random circuits"""
    batch_tokens: int = 2048
    """tokens in one forward pass, over all circuits in it"""
    seed: int = 0
    """random circuits and bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    setup = set_up_circuits(args.model, args.pairs, None, args.seed, args.saes, args.sites, device)
    judged = judge_transfer(
        setup.language,
        setup.groups,
        setup.basis,
        [load_scores(path)[0] for path in args.scores],
        load_scores(args.fit)[0],
        args.nodes,
        args.random_circuits,
        args.seed,
        args.batch_tokens,
    )
    facts = {"study": args.study, "model": setup.language.name, "tasks": args.tasks, "metric": "logit_difference"}
    write_json(args.transfer, {**facts, "judged": judged})


if __name__ == "__main__":
    program(main, Arguments)
