"""Labels by node, for figures and reports."""

from collections.abc import Sequence
from pathlib import Path

from sparse_circuits.artefacts.node_labels import read_site


def read_labels(interpretations: Sequence[Path]) -> dict[str, str]:
    """Return {node id: label} from the files of any sites; of two files with a node's label the later one counts.

    Takes interpretations (<site>.json) and generated labels (<site>.labels.json) alike; those of nodes for which the
    language model gave none are left out.
    """
    nodes = (node for path in interpretations for node in read_site(path).nodes)
    return {node.id: node.label for node in nodes if node.label is not None}
