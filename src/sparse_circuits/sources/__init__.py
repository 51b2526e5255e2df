"""Fetching files: a list of alternatives tried in order, every byte checked against a known hash."""
