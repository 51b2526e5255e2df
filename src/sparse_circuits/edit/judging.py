"""Whether a feature is about something, as a language model judges it that is shown what the feature does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sparse_circuits.base.endpoint import Endpoint, marked, read_answer
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.edit.promoting import PROMOTED
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import promoted_tokens, run
from sparse_circuits.models.texts import pieces, token_texts

EXCERPTS = 8  # shown of a feature
AROUND = 12  # tokens before and after the one on which it is most active

QUESTION = """You study one unit of a language model. You are shown excerpts of text in which the unit is active, the \
strongest first. Tokens on which it is active stand between << and >>. You are also shown next tokens that the unit \
makes likelier. Decide whether the unit is about %s. Answer with JSON only: {"about": true or false, "because": \
"..."}"""


class Judgement(NamedTuple):
    """What was decided of a feature, in the words of the one who decided."""

    about: bool
    because: str


@dataclass(frozen=True)
class ConceptJudge:
    """Asks an endpoint whether features are about something; shows them on text (sequence, position) in batches."""

    endpoint: Endpoint
    about: str
    model: Model
    basis: Basis
    text: Sequence[Tensor]

    def __call__(self, node: Node) -> Judgement:
        """Return the judgement of a feature. An answer that cannot be read counts as no. Raises StudyError when the
        endpoint fails."""
        answer = self.endpoint.ask(QUESTION % self.about, self._shown(node), 200)
        about, because = read_answer(answer, "about"), read_answer(answer, "because")
        return Judgement(about is True, because if isinstance(because, str) else f"the answer was {answer!r}")

    @torch.no_grad()
    def _shown(self, node: Node) -> str:
        """The excerpts in which a feature is most active, one a sequence, and the tokens that it promotes."""
        assert node.index is not None
        dictionary = self.basis[node.site]
        found: list[tuple[float, str]] = []
        for batch in self.text:
            read = run(self.model, batch.to(self.model.device), read=[node.site]).activations[node.site]
            f = dictionary.read(read)[..., node.index].cpu()
            f[:, 0] = 0  # the separator
            for row, values in zip(batch, f, strict=True):
                if (peak := values.max().item()) > 0:
                    at = slice(max(1, int(values.argmax()) - AROUND), int(values.argmax()) + AROUND + 1)
                    found.append((peak, marked(pieces(self.model.tokenizer, row[at].tolist()), values[at].tolist())))
        found.sort(key=lambda one: one[0], reverse=True)
        one = torch.zeros(1, dictionary.width, device=self.model.device)
        one[0, node.index] = 1
        promoted, _ = promoted_tokens(self.model, dictionary.write(one), PROMOTED)
        tokens = ", ".join(map(repr, token_texts(self.model.tokenizer, promoted.flatten().tolist())))
        lines = [f"{number}. {text}" for number, (_, text) in enumerate(found[:EXCERPTS], 1)]
        return "\n".join([*lines, f"Tokens made likelier: {tokens}"])
