"""Measure how often a model of images gives the right class."""

from sparse_circuits.command import program
from sparse_circuits.steps import judge_model

if __name__ == "__main__":
    program(judge_model.step)
