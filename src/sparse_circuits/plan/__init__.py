"""What the workflow's rules read of a study: paths, and what each step is told."""
