"""Searches for the smallest circuit that is faithful enough: a ranking, bisection, backward elimination."""
