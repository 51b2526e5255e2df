"""A Vision Transformer's weight-sparse twin: its smallest circuits beside the dense model's."""

SPARSE, DENSE = [TWIN], [MATCHED if STUDY.twin.dense else STUDY.model]
PRUNING, PRUNED_TASKS = STUDY.twin.pruning, STUDY.twin.tasks


include: "pruning.smk"
