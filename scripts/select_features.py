"""Choose the features that an edit rewrites, and write down why each was taken or refused."""

from sparse_circuits.command import program
from sparse_circuits.steps.select_features import step

program(step)
