"""Studies: what a user asks for, assembled from the settings of steps, checked, and described by a schema."""
