"""What a node means."""
