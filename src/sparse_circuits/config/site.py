"""Sites: the places of a network whose activations are read, cached, replaced and attributed to."""

import re
from dataclasses import dataclass

# In the order in which data flows through one layer. `heads` is the input of the attention's output matrix, `mlp_in`
# what the MLP reads (after the norm), `mlp_neurons` the input of its output matrix (after the activation function).
KINDS = ("embed", "heads", "attn_out", "mlp_in", "mlp_neurons", "mlp_out", "resid_post")

HOOKS = "+"  # between sites that are read, or written, side by side

NUMBER = re.compile(r"0|[1-9][0-9]*")  # one way to write each, since names of folders are made of it


@dataclass(frozen=True)
class Site:
    """A tensor (batch, position, width) inside a model, written `resid_post.14` or `embed`."""

    kind: str
    layer: int = -1

    @classmethod
    def parse(cls, text: str) -> "Site":
        """Read a site's name; raise ValueError, with the known kinds, when it is none."""
        kind, _, layer = text.partition(".")
        if kind not in KINDS:
            raise ValueError(f"`{text}` is no site; kinds are {', '.join(KINDS)}, as in `resid_post.14`")
        if (kind == "embed") != (layer == "") or (layer and not NUMBER.fullmatch(layer)):
            raise ValueError(f"`{text}` is no site; write `embed`, or a kind and a layer as in `{KINDS[-1]}.14`")
        return cls(kind, int(layer) if layer else -1)

    @property
    def is_written(self) -> bool:
        """Whether what stands here is (part of) the residual stream, which the unembedding reads."""
        return self.kind in ("embed", "attn_out", "mlp_out", "resid_post")

    @property
    def order(self) -> tuple[int, int]:
        """The key that sorts sites in the order of the computation."""
        return self.layer, KINDS.index(self.kind)

    def __str__(self) -> str:
        return self.kind if self.kind == "embed" else f"{self.kind}.{self.layer}"


def parse_node(text: str) -> tuple[Site, int | None, int | None]:
    """Return site, index (None: the error node) and position (None: all) of a node such as `heads.5/2@3`.

    Raises ValueError when the text is none.
    """
    site, _, rest = text.rpartition("/")
    index, at, position = rest.partition("@")
    if not (index == "error" or NUMBER.fullmatch(index)) or (at and not NUMBER.fullmatch(position)):
        raise ValueError(f"`{text}` is no node; write a site and a number as in `resid_post.14/1944`")
    return Site.parse(site), None if index == "error" else int(index), int(position) if at else None
