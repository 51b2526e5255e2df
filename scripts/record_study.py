"""Record a finished study: the hashes of its artefacts in dvc.lock, how they were made in provenance/<study>.json."""

from sparse_circuits.command import program
from sparse_circuits.steps.record_study import step

program(step)
