from sparse_circuits.command import program
from sparse_circuits.steps.train_tokenizer import step

program(step)
