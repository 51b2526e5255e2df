"""Judge on natural sentences the nodes that were found on templates: are they necessary there, and sufficient?"""

from sparse_circuits.command import program
from sparse_circuits.steps import judge_transfer

if __name__ == "__main__":
    program(judge_transfer.step)
