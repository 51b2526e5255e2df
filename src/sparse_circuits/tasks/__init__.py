"""Behaviours as pairs of prompts with a metric."""
