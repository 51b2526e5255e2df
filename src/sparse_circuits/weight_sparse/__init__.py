"""Transformers with almost all weights zero: trained, pruned to circuits, compared with dense ones."""
