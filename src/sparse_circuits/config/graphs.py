"""Settings of attribution graphs."""

from pydantic import Field

from sparse_circuits.config.base import Name
from sparse_circuits.config.trace_prompt import Tracing


class Graph(Tracing):
    """The attribution graph of one prompt's next token."""

    basis: Name = Field("features", description="which of the study's bases of features gives the nodes")
