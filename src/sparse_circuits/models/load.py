"""Loading a model from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sparse_circuits.base.files import read_json
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES, Family, site_width

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Model:
    """A frozen model of language or of images in fp32, where its sites are, and the separator of its sequences."""

    name: str
    network: "PreTrainedModel"
    family: Family
    num_layers: int
    d_model: int
    separator_id: int
    device: torch.device

    def width(self, site: Site) -> int:
        """Return the width of the activations at a site."""
        return site_width(self.network, self.family, self.d_model, site)

    @property
    def vocabulary(self) -> int:
        """Number of logits of a prediction."""
        return len(self.network.get_output_embeddings().weight)

    @property
    def sees(self) -> bool:
        """Whether its prompts are images."""
        return hasattr(self.network, "grid_at")

    def grid(self, site: Site) -> tuple[int, int]:
        """Return rows and columns of an image's places at a site, row by row at positions 1 and on."""
        network: Any = self.network
        rows, columns = network.grid_at(site.layer)
        return rows, columns

    def positions(self, tokens: Tensor, site: Site | None = None) -> int:
        """Return the positions of activations of `tokens` (batch, token): one a token, or one a place of an image.

        Without a site the most that any layer has.
        """
        if not self.sees:
            return tokens.shape[1]
        network: Any = self.network
        return max(network.positions_at(layer) for layer in ([site.layer] if site else range(self.num_layers)))

    def first_difference(self, clean: Tensor, patch: Tensor) -> int:
        """Return the first position whose activations differ between runs on tokens (batch, token), but for position 0.

        In language it is the first token that differs, for what comes later changes nothing there.
        """
        if self.sees:
            return 1
        return int((clean != patch).any(dim=0).int().argmax())


def model_card(folder: Path) -> dict[str, Any]:
    """Return what is known of a model without loading it: name, separator, sizes, sha256 of each file."""
    return read_json(folder / "model_card.json")


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Load the tokenizer of a model's folder, as tokenizer.json says it; texts are as long as the model allows."""
    from transformers import PreTrainedTokenizerFast
    from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

    tokenizer: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer.model_max_length = _positions(folder) or VERY_LARGE_INTEGER
    return tokenizer


def _positions(folder: Path) -> int | None:
    """The tokens that a language model has positions for, if config.json says so."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    # A vision transformer counts patches there, of which one is many tokens.
    return None if "image" in config else config.get("max_position_embeddings", config.get("n_positions"))


def site_widths(folder: Path, sites: list[Site]) -> dict[Site, int]:
    """Return the width of each site from a model's config.json alone."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageClassification

    import sparse_circuits.models.mobilenet
    import sparse_circuits.models.vision_transformer
    import sparse_circuits.models.weight_sparse  # noqa: F401 - all register their classes with transformers
    from sparse_circuits.models.classifiers import MODEL_TYPES, ImageClassifier

    config = AutoConfig.from_pretrained(folder)
    # On this device tensors have shapes and no values.
    with torch.device("meta"):
        if config.model_type in MODEL_TYPES:
            model: Any = ImageClassifier(AutoModelForImageClassification.from_config(config))
        else:
            model = AutoModelForCausalLM.from_config(config)
    family = FAMILIES[model.config.model_type]
    return {site: site_width(model, family, model.config.hidden_size, site) for site in sites}


def load_model(folder: Path, device: torch.device) -> Model:
    """Load a model's folder; weights are fp32, gradients are off."""
    # Imported here: transformers takes seconds, which programs that load no model need not wait for.
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageClassification
    from transformers.utils import logging

    import sparse_circuits.models.mobilenet
    import sparse_circuits.models.vision_transformer
    import sparse_circuits.models.weight_sparse  # noqa: F401 - all register their classes with transformers
    from sparse_circuits.models.classifiers import MODEL_TYPES, ImageClassifier

    # Loading takes a second or two; a progress bar would only litter the logs.
    logging.disable_progress_bar()
    card = model_card(folder)
    if AutoConfig.from_pretrained(folder).model_type in MODEL_TYPES:
        network: Any = ImageClassifier(AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32))
    else:
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    network.eval().requires_grad_(False).to(device=device)
    return Model(
        name=card["name"],
        network=network,
        family=FAMILIES[network.config.model_type],
        num_layers=card["num_layers"],
        d_model=card["d_model"],
        separator_id=card["document_separator_id"],
        device=device,
    )
