"""Tell how much sparse autoencoders agree on the features, such as those that differ in their seed alone."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import set_up
from sparse_circuits.files import write_json
from sparse_circuits.sae.autoencoder import load_autoencoder
from sparse_circuits.sae.stability import compare_decoders


@dataclass(frozen=True)
class Arguments:
    sae: Path
    """folder of an autoencoder"""
    others: list[Path]
    """folders of those that it is compared with"""
    stability: Path
    """JSON file to write"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    decoder = load_autoencoder(args.sae).W_dec
    found = {folder.name: asdict(compare_decoders(decoder, load_autoencoder(folder).W_dec)) for folder in args.others}
    write_json(args.stability, {"sae": args.sae.name, "others": found})


if __name__ == "__main__":
    program(main, Arguments)
