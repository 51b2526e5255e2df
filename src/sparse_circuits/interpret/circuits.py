"""Which features of a site the circuits of a study hold, and what they are joined to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparse_circuits.base.files import read_json
from sparse_circuits.circuits.circuit_file import read_circuit_nodes


def site_nodes(circuits: Sequence[Path], site: str) -> dict[int, dict[str, Any]]:
    """Return the features of a site in any of the circuits, in order: {feature: {"tasks", "upstream", "downstream"}}.

    `tasks` holds each task's score of the node (of each position, where circuits have positions), `upstream` and
    `downstream` its edges, the heaviest first.
    """
    found: dict[int, dict[str, Any]] = {}
    for path in circuits:
        circuit = read_json(path)
        scores = {node["id"]: node["score"] for node in circuit["nodes"]}
        for node in read_circuit_nodes(path):
            if str(node.site) != site or node.index is None:
                continue
            note = found.setdefault(node.index, {"tasks": [], "upstream": [], "downstream": []})
            note["tasks"].append({"task": circuit["task"], "position": node.position, "score": scores[node.id]})
            for side, mine, other in (("upstream", "target", "source"), ("downstream", "source", "target")):
                note[side] += [
                    {"task": circuit["task"], "node": edge[other], "weight": edge["weight"]}
                    for edge in circuit["edges"]
                    if edge[mine] == node.id
                ]
    for note in found.values():
        for side in ("upstream", "downstream"):
            note[side].sort(key=lambda edge: (-abs(edge["weight"]), edge["task"], edge["node"]))
    return dict(sorted(found.items()))
