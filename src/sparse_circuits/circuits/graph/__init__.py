"""Attribution graphs: which features, errors and tokens make the next token of one prompt, and through which others."""

from sparse_circuits.circuits.graph.graph_file import node_ids, write_graph
from sparse_circuits.circuits.graph.influence import graph_scores
from sparse_circuits.circuits.graph.pruning import Pruned, prune
from sparse_circuits.circuits.graph.trace import AttributionGraph, trace_prompt

__all__ = ["AttributionGraph", "Pruned", "graph_scores", "node_ids", "prune", "trace_prompt", "write_graph"]
