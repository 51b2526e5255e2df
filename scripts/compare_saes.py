"""Tell how much two sparse autoencoders agree on the features, such as two that differ in their seed alone."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import set_up
from sparse_circuits.files import write_json
from sparse_circuits.sae import load_autoencoder
from sparse_circuits.sae.stability import compare_decoders


@dataclass(frozen=True)
class Arguments:
    saes: tuple[Path, Path]
    """folders of the two autoencoders"""
    stability: Path
    """JSON file to write"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    first, second = (load_autoencoder(folder).W_dec for folder in args.saes)
    write_json(args.stability, asdict(compare_decoders(first, second)))


if __name__ == "__main__":
    program(main, Arguments)
