"""Choose the features that an edit rewrites, and write down why each was taken or refused."""

from sparse_circuits.command import program
from sparse_circuits.steps import select_features

if __name__ == "__main__":
    program(select_features.step)
