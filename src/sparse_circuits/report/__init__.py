"""The study's pages and its main numbers."""
