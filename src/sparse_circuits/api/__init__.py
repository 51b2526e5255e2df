"""What `import sparse_circuits` gives: circuits, edits and caches as Python objects."""
