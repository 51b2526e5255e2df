"""Whether a model can do what a study asks of it, as far as the model's config.json tells."""

from collections.abc import Mapping
from typing import Any

from sparse_circuits.config.base import Settings

# Families to which `edit.added_layer` can add a layer: gated MLPs behind an RMSNorm that write to the stream as they
# are.
LENGTHENED = ("llama", "qwen2", "qwen3")


class Needs(Settings):
    """What a study asks of its model."""

    contexts: dict[str, int]  # tokens of the longest sequences that are run, by the key that sets them
    added_layer: list[str]  # keys that ask for an added layer


def misfit(name: str, needs: Needs, config: Mapping[str, Any]) -> str | None:
    """Return what the model of a config.json cannot do, in words; None where nothing is known against it."""
    longest = config.get("max_position_embeddings", config.get("n_positions"))
    for key, tokens in needs.contexts.items():
        if longest and tokens > longest:
            return f"`{key}`: {tokens} tokens, and {name} was made for {longest} at most; lower it"
    family = config.get("model_type")
    if needs.added_layer and family and family not in LENGTHENED:
        return (
            f"`{needs.added_layer[0]}: added_layer`: {name} is a {family}, and layers can be added to "
            f"{', '.join(LENGTHENED)}; `distilled` works with all"
        )
    return None
