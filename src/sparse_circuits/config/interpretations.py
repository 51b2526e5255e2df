"""How the nodes of circuits are described, and who is asked for labels."""

from pydantic import Field

from sparse_circuits.config.interpret_nodes import Amounts
from sparse_circuits.config.label_nodes import Labels


class Interpretations(Amounts):
    """How the features of the circuits are described."""

    labels: Labels | None = Field(None, description="a language model that labels nodes; none are asked when not given")
