import sys
from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.base.files import read_json


@dataclass(frozen=True)
class Files:
    verdicts: Path  # JSON file of verdicts


def step(files: Files) -> None:
    """Print the verdicts on claims; exit with 1 when one fails, so that a model can be gated in CI."""
    found = read_json(files.verdicts)
    for name, claim in found["claims"].items():
        low, high = claim["ci95"]
        bound = f"at least {claim['at_least']:g}" if "at_least" in claim else f"at most {claim['at_most']:g}"
        print(f"{claim['verdict']:9}  {name}: {claim['share']:.3f} ({low:.3f} to {high:.3f}), claimed {bound}")
    if failed := [name for name, claim in found["claims"].items() if claim["verdict"] == "fail"]:
        sys.exit(f"error: {found['model']} fails {', '.join(failed)}")
