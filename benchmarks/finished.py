"""What benchmarks of circuits begin with: the artefacts of a finished study."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from sparse_circuits.circuits.bench import Bench


@dataclass(frozen=True)
class Finished:
    """The finished default study on which circuits are measured."""

    results: Path = Path("results")
    """its folder"""
    study: str = "language"
    """its name"""
    model: str = "smollm2-135m-instruct"
    """its model"""
    sae: str = "topk"
    """its autoencoders"""
    sites: list[str] = field(default_factory=lambda: [f"resid_post.{layer}" for layer in (4, 9, 14, 19, 24)])
    """their sites, in the order of the computation"""

    @property
    def model_folder(self) -> Path:
        """Where the model lies."""
        return self.results / "models" / self.model

    @property
    def circuits(self) -> Path:
        """Where the study's circuits lie."""
        return self.results / "circuits" / self.study

    def set_up(
        self, pairs: str, limit: int | None, device: torch.device, coordinates: list[str] | None = None
    ) -> Bench:
        """Load the model, pairs drawn from a file such as `nounpp/train`, and autoencoders, or sites' coordinates."""
        saes = [] if coordinates else [self.results / "saes" / self.model / site / self.sae for site in self.sites]
        file = self.results / "tasks" / f"{pairs}.jsonl"
        return Bench.load(self.model_folder, file, saes, coordinates or self.sites, device, limit, 0)
