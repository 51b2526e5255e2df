"""What `import sparse_circuits` gives: models, circuits, edits and caches as Python objects."""
