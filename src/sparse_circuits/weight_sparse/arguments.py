"""What the programs that train a model are told alike."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.checkpoint import Resumption


@dataclass(frozen=True, kw_only=True)
class TrainingArguments:
    """Arguments of every training program; each adds its data."""

    name: str
    """name of the model"""
    entry: str
    """the model's entry of the study, as JSON"""
    licence: str
    """licence of the data"""
    folder: Path
    """folder to write"""
    seed: int = 0
    """of first weights, and of the order of the data and how they are changed"""
    resumption: Resumption = field(default_factory=Resumption)
