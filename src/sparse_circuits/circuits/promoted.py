"""The tokens that a feature promotes and suppresses: its decoder row read through the unembedding (the logit lens)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sparse_circuits.artefacts.circuit import PromotedTokens
from sparse_circuits.circuits.basis import Node
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import promoted_tokens
from sparse_circuits.models.texts import token_texts

COUNT = 8


def token_notes(model: Model, directions: Mapping[str, Tensor]) -> dict[str, PromotedTokens]:
    """Return the texts of the top tokens for each direction (d_model,), by its node's name.

    Nodes whose directions do not lie in the residual stream (heads, neurons) promote nothing directly; they get none.
    """
    directions = {name: row for name, row in directions.items() if Node.parse(name).site.is_written}
    if not directions:
        return {}
    stacked = torch.stack([direction.to(model.device) for direction in directions.values()])
    up, down = promoted_tokens(model, stacked, COUNT)
    return {
        name: PromotedTokens(
            promotes=token_texts(model.tokenizer, up[row].tolist()),
            suppresses=token_texts(model.tokenizer, down[row].tolist()),
        )
        for row, name in enumerate(directions)
    }
