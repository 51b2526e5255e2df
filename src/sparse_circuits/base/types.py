"""The vocabulary of annotations: tensors by what they hold and by their axes.

At run time they are nothing but names, since torch and transformers take seconds to import.
"""

from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase as Tokenizer
else:
    Tensor = Tokenizer = Any

Tokens = Annotated[Tensor, "token ids (batch, position); of images, the values of pixels"]
Logits = Annotated[Tensor, "(batch, position, vocabulary), in nats, fp32"]
Activation = Annotated[Tensor, "what a model computes at one site (batch, position, width)"]
Metric = Annotated[Tensor, "of each pair or (circuit, pair), in nats"]
NodeId = Annotated[str, "site and index as in `resid_post.14/1944`, or `resid_post.14/error`"]

__all__ = ["Activation", "Logits", "Metric", "NodeId", "Tokenizer", "Tokens"]
