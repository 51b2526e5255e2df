from sparse_circuits.command import program
from sparse_circuits.steps.train_vision_transformer import step

program(step)
