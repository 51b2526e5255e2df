"""The workflow's graph as DVC stages, what made each artefact, and a clone brought back to what was recorded."""
