"""Trace one prompt: the attribution graph of its next token."""

from sparse_circuits.command import program
from sparse_circuits.steps import trace_prompt

if __name__ == "__main__":
    program(trace_prompt.step)
