"""A model of language or of images: its weights, its tokenizer, its sites, and what is changed while it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from sparse_circuits.base.compute import choose_device
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.base.types import Activation, Tokenizer, Tokens
from sparse_circuits.config.site import Site
from sparse_circuits.models.families import FAMILIES, Family, site_width
from sparse_circuits.models.intervention import Edit, compose
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.run import continued, run
from sparse_circuits.models.texts import token_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SiteOrName = TypeVar("SiteOrName", Site, str)


def _no_tokenizer() -> Tokenizer:
    raise StudyError("this model has no tokenizer; give one to `Model.load`")


@dataclass(frozen=True)
class Model:
    """A frozen model in fp32, where its sites are, its tokenizer, and the separator that its sequences begin with.

    Each run applies `intervention`; where that is made for prompts of so many tokens, `length` says it.
    """

    name: str
    network: "PreTrainedModel"
    family: Family
    num_layers: int
    d_model: int
    separator_id: int
    device: torch.device
    read_tokenizer: Callable[[], Tokenizer] = _no_tokenizer  # as loading takes time, when first asked
    intervention: Mapping[Site, Edit] = field(default_factory=dict)
    length: int | None = None

    @classmethod
    def load(
        cls,
        source: "str | Path | PreTrainedModel",
        tokenizer: Tokenizer | None = None,
        device: torch.device | None = None,
        name: str | None = None,
    ) -> "Model":
        """Return the model of a folder, or a Hugging Face object with its tokenizer, on a GPU where there is one.

        A Hugging Face object itself is put to fp32, and its gradients off. An image classifier's pixels are normed by
        `pixel_mean` and `pixel_deviation` of its configuration, or by 0.5. `name` is the model's, as autoencoders give
        it, when its own is another. Raises StudyError when it cannot be used.
        """
        from sparse_circuits.models.checkpoint import check_family
        from sparse_circuits.models.classifiers import MODEL_TYPES, ImageClassifier

        device = device or choose_device("auto")
        if isinstance(source, str | Path):
            return load_model(Path(source), device, tokenizer, name)
        if tokenizer is None:
            raise StudyError("a Hugging Face object has no tokenizer; give it too: Model.load(network, tokenizer)")
        check_family(source.config)
        name = name or Path(source.config.name_or_path or source.config.model_type).name
        network: Any = source.float()
        if source.config.model_type in MODEL_TYPES:
            network = ImageClassifier(network)
        return _model(network, name, _separator(tokenizer), lambda: tokenizer, device)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer; a model of images has one too, whose tokens are grey levels or colours, and classes."""
        return self.read_tokenizer()

    @torch.no_grad()
    def logits(self, tokens: Tokens) -> Tensor:
        """Return the logits (batch, vocabulary) of the token after `tokens` (batch, position), in fp32."""
        return run(self, tokens.to(self.device), logits="last").logits[:, -1]

    @torch.no_grad()
    def activations(self, tokens: Tokens, sites: Sequence[SiteOrName]) -> dict[SiteOrName, Activation]:
        """Return the activations (batch, position, width) of sites on `tokens` (batch, position), in fp32.

        Sites are `Site`s or their names, by which the activations are given. Raises StudyError for a name of none.
        """
        try:
            read = [Site.parse(site) if isinstance(site, str) else site for site in sites]
        except ValueError as error:
            raise StudyError(str(error)) from None
        found = run(self, tokens.to(self.device), read=read).activations
        return {given: found[site] for given, site in zip(sites, read, strict=True)}

    def encode(self, prompt: str) -> list[int]:
        """Return the tokens of a prompt, the separator first.

        Raises StudyError for a prompt that is none (`models.prompts`), and where the intervention is made for another
        length.
        """
        tokens = prompt_tokens(prompt, self.tokenizer, self.separator_id)
        if self.length is not None and self.length != len(tokens):
            raise StudyError(f"{prompt!r} is {len(tokens) - 1} tokens, `patch` {self.length - 1}; they must be as many")
        return tokens

    def generate(self, prompt: str, tokens: int = 20) -> str:
        """Return the continuation of `prompt` by so many tokens, the likeliest each time.

        Raises StudyError where the intervention is made for prompts of one length, which a continuation outgrows.
        """
        if self.length is not None:
            raise StudyError(
                "a model with nodes as on `patch` has no continuation: `patch` has none; ask `next_tokens`"
            )
        return str(self.tokenizer.decode(continued(self, self.encode(prompt), tokens)))

    def next_tokens(self, prompt: str, count: int = 5) -> list[tuple[str, float]]:
        """Return the likeliest next tokens after `prompt`, with their probabilities."""
        top = self._after(prompt).softmax(dim=0).topk(count)
        return [
            (token_text(self.tokenizer, i), p) for i, p in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ]

    def logit_difference(self, prompt: str, answer: str, other: str) -> float:
        """Return by how many nats `answer` is likelier than `other` after `prompt`.

        Raises StudyError for an answer that is not one token, and for two that are the same one.
        """
        ids = [self.tokenizer.encode(text, add_special_tokens=False) for text in (answer, other)]
        for text, found in zip((answer, other), ids, strict=True):
            if len(found) != 1:
                raise StudyError(f"answer {text!r} is {len(found)} tokens of {self.name}; it must be one")
        if ids[0] == ids[1]:
            raise StudyError(f"answers {answer!r} and {other!r} are the same token of {self.name}")
        logits = self._after(prompt)
        return float(logits[ids[0][0]] - logits[ids[1][0]])

    def changed(self, intervention: Mapping[Site, Edit]) -> "Model":
        """Return the model with a further intervention."""
        return replace(self, intervention=compose([self.intervention, intervention]))

    def _after(self, prompt: str) -> Tensor:
        return self.logits(torch.tensor([self.encode(prompt)]))[0]

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


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a model's folder, as tokenizer.json says it; texts are as long as the model allows."""
    from transformers import PreTrainedTokenizerFast
    from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

    tokenizer: Tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
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


def load_model(
    folder: Path, device: torch.device, tokenizer: Tokenizer | None = None, name: str | None = None
) -> Model:
    """Load a model's folder; weights are fp32, gradients are off.

    A folder that transformers alone has written has no card: its name is the folder's. A `tokenizer` and a `name` that
    are given stand for the folder's own. Raises StudyError when it holds no model that is read here.
    """
    if not folder.is_dir():
        raise StudyError(f"{folder}: no such folder; one is written by `save_pretrained` of it and its tokenizer")
    # Imported here: transformers takes seconds, which programs that load no model need not wait for.
    from transformers.utils import logging

    import sparse_circuits.models.mobilenet
    import sparse_circuits.models.vision_transformer
    import sparse_circuits.models.weight_sparse  # noqa: F401 - all register their classes with transformers
    from sparse_circuits.models.checkpoint import read_config, read_model
    from sparse_circuits.models.classifiers import MODEL_TYPES, ImageClassifier

    # Loading takes a second or two; a progress bar would only litter the logs.
    logging.disable_progress_bar()
    try:
        config = read_config(folder)
        network: Any = read_model(folder, config, dtype=torch.float32)
    except StudyError as error:
        raise StudyError(f"{folder}: {error}") from None
    if config.model_type in MODEL_TYPES:
        network = ImageClassifier(network)
    own = cache(lambda: tokenizer or _tokenizer_in(folder))
    if (folder / "model_card.json").exists():
        card = model_card(folder)
        return _model(network, name or card["name"], card["document_separator_id"], own, device)
    return _model(network, name or folder.resolve().name, _separator(own()), own, device)


def _tokenizer_in(folder: Path) -> Tokenizer:
    try:
        return load_tokenizer(folder)
    except (OSError, ValueError):
        wanted = "write one by `tokenizer.save_pretrained(folder)`, or give it as `tokenizer=`"
        raise StudyError(f"{folder}: it has no tokenizer that can be read; {wanted}") from None


def _separator(tokenizer: Tokenizer) -> int:
    """The token that sequences begin with: the begin of a text, or else its end."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise StudyError("the tokenizer has neither bos_token nor eos_token, with which sequences could begin; set one")


def _model(
    network: Any, name: str, separator_id: int, tokenizer: Callable[[], Tokenizer], device: torch.device
) -> Model:
    network.eval().requires_grad_(False).to(device=device)
    config = network.config
    sizes = config.num_hidden_layers, config.hidden_size
    return Model(name, network, FAMILIES[config.model_type], *sizes, separator_id, device, tokenizer)
