"""Models as ordinary Hugging Face folders, read and changed at named sites by plain PyTorch hooks."""

from sparse_circuits.models.load import Language, load_language_model, load_tokenizer, model_card, site_widths
from sparse_circuits.models.prompts import prompt_tokens
from sparse_circuits.models.run import Run, continued, run

__all__ = [
    "Language",
    "Run",
    "continued",
    "load_language_model",
    "load_tokenizer",
    "model_card",
    "prompt_tokens",
    "run",
    "site_widths",
]
