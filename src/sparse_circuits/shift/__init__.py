"""SHIFT: what a classifier should not rest on is found in its circuit and taken out (Marks et al. 2024, section 4)."""
