"""Loading a language model from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from sparse_circuits.config import Site
from sparse_circuits.files import read_json
from sparse_circuits.models.families import FAMILIES, Family, locate

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Language:
    """A frozen causal language model in fp32, where its sites are, and the separator its sequences begin with."""

    name: str
    model: "PreTrainedModel"
    family: Family
    num_layers: int
    d_model: int
    separator_id: int
    device: torch.device

    def width(self, site: Site) -> int:
        """Return the width of the activations at a site."""
        module, at_input = locate(self.model, self.family, site)
        if not at_input:
            return self.d_model
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        # The matrix maps the site to d_model; linear layers store it (d_model, width), GPT-2's the other way round.
        return weight.numel() // self.d_model


def model_card(folder: Path) -> dict[str, Any]:
    """Return what is known of a model without loading it: name, separator, sizes, sha256 of each file."""
    card: dict[str, Any] = read_json(folder / "model_card.json")
    return card


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a model's folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def load_language_model(folder: Path, device: torch.device) -> Language:
    """Load a model's folder; weights are fp32, gradients are off."""
    # Imported here: transformers takes seconds, which programs that load no model need not wait for.
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    # Loading takes a second or two; a progress bar would only litter the logs.
    logging.disable_progress_bar()
    card = model_card(folder)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval().requires_grad_(False).to(device=device)
    return Language(
        name=card["name"],
        model=model,
        family=FAMILIES[model.config.model_type],
        num_layers=card["num_layers"],
        d_model=card["d_model"],
        separator_id=card["document_separator_id"],
        device=device,
    )
