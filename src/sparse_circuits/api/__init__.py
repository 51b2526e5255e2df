"""What `import sparse_circuits` gives: models, circuits, features, edits and caches as Python objects."""
