"""Judge on natural sentences the nodes that were found on templates: are they necessary there, and sufficient?"""

from sparse_circuits.command import program
from sparse_circuits.steps.judge_transfer import step

program(step)
