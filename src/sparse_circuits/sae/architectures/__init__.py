"""The architectures that can be trained. A new one is one file and one line here."""

from sparse_circuits.sae.architectures.topk import TopKTrainer

TRAINERS = {"topk": TopKTrainer}
