"""Circuits: node scores, edges, ablation, and the curves that judge them."""
