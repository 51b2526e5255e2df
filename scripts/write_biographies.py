"""Have the language model write biographies of both professions and genders, or take those that somebody published."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.config.shift import Shift
from sparse_circuits.models.load import load_language_model, load_tokenizer
from sparse_circuits.shift.writing import write
from sparse_circuits.sources.biographies import read_bias_in_bios, write_biographies
from sparse_circuits.sources.registry import fetch

DRAWS = 2  # times what one draw takes, so that draws differ


@dataclass(frozen=True)
class Arguments:
    settings: str
    """the settings of `shift`, as JSON"""
    biographies: Path
    """JSON-lines file to write"""
    model: Path | None = None
    """folder of the model that writes"""
    entry: str | None = None
    """entry of config/datasets.yaml with published ones, as JSON, where no model is to write"""
    seed: int = 0
    """of what the model writes"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    settings = validate(Shift, args.settings, "shift")
    each = settings.train + settings.test
    if args.entry:
        entry = validate(Dataset, args.entry, f"biographies {settings.biographies}")
        with tempfile.TemporaryDirectory(dir=args.biographies.parent, prefix=".fetch.") as temporary:
            files = fetch(entry.sources, Path(temporary), f"biographies {settings.biographies}")
            found = list(read_bias_in_bios(files, list(settings.professions), DRAWS * each))
    else:
        assert args.model is not None
        language = load_language_model(args.model, choose_device(args.compute.device))
        found = write(
            language, load_tokenizer(args.model), settings.professions, DRAWS * each, settings.tokens, args.seed
        )
    write_biographies(args.biographies, found)
    print(f"{len(found)} biographies")


if __name__ == "__main__":
    program(main, Arguments)
