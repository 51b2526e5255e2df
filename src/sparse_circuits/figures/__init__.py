"""Figures, one function each, with the data behind each in a CSV beside it."""
