"""Figures, one function each, with the data behind each in a CSV beside it."""

from sparse_circuits.figures.carried import plot_carried
from sparse_circuits.figures.circuit_graph import draw_circuit
from sparse_circuits.figures.counterfactuals import draw_counterfactuals
from sparse_circuits.figures.edit import plot_edit
from sparse_circuits.figures.faithfulness import plot_faithfulness
from sparse_circuits.figures.frontier import plot_frontier
from sparse_circuits.figures.overlap import plot_overlap
from sparse_circuits.figures.pareto import plot_pareto
from sparse_circuits.figures.runtime import plot_runtime
from sparse_circuits.figures.sae_quality import plot_sae_quality
from sparse_circuits.figures.shift import plot_shift
from sparse_circuits.figures.stability import plot_stability
from sparse_circuits.figures.strips import draw_strips
from sparse_circuits.figures.training import plot_training
from sparse_circuits.figures.twins import plot_twins
from sparse_circuits.figures.weight_circuit import draw_weight_circuit

FIGURES = {
    "sae_quality": plot_sae_quality,
    "training": plot_training,
    "pareto": plot_pareto,
    "faithfulness": plot_faithfulness,
    "overlap": plot_overlap,
    "stability": plot_stability,
    "circuit": draw_circuit,
    "frontier": plot_frontier,
    "weight_circuit": draw_weight_circuit,
    "carried": plot_carried,
    "edit": plot_edit,
    "shift": plot_shift,
    "counterfactuals": draw_counterfactuals,
    "strips": draw_strips,
    "twins": plot_twins,
    "runtime": plot_runtime,
}
