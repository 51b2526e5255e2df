"""Load each folder in a folder with SAELens and print how far its numbers are from those expected (runs in .rivals)."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import load_file

sys.modules["wandb"] = ModuleType("wandb")  # SAELens imports it for logging, which loading does not need
from sae_lens import SAE  # noqa: E402

LIMIT = 1e-5  # of the largest difference, in fp32


@torch.no_grad()
def difference(folder: Path) -> float | None:
    """Return the largest |difference| of features and reconstructions; None when SAELens knows no such architecture."""
    try:
        sae = SAE.load_from_disk(folder)
    except KeyError:
        return None
    expected = load_file(folder / "expected.safetensors")
    computed = {"features": sae.encode(expected["x"]), "reconstruction": sae(expected["x"])}
    return max((value - expected[name]).abs().max().item() for name, value in computed.items())


def main(parent: Path) -> bool:
    """Print one line a folder; return whether all agree, but for those that SAELens has no class for."""
    print(f"SAELens {version('sae-lens')}, largest |difference| of features and reconstructions:")
    found = {folder.name: difference(folder) for folder in sorted(parent.iterdir())}
    for name, value in found.items():
        print(f"{name:40}", "no such architecture" if value is None else f"{value:.1e}")
    return all(value <= LIMIT if value is not None else no_class_for(parent / name) for name, value in found.items())


def no_class_for(folder: Path) -> bool:
    """Tell whether a folder is of a kind that SAELens has no class for: some TopK transcoders."""
    return json.loads((folder / "cfg.json").read_text())["architecture"].startswith("topk_")


if __name__ == "__main__":
    sys.exit(not main(Path(sys.argv[1])))
