"""Proof of a circuit: hypothesis tests against random circuits, stability under resampling, areas of curves."""
