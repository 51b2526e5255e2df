"""Paths, figures and functions of studies of weight-sparse transformers."""

TOKENIZER_FILES = files(PATHS.tokenizer, TOKENIZER)
SEQUENCES = PATHS.sequences
MODELS = list(STUDY.models)
TRANSFORMER = PATHS.transformer("{model}")
TRANSFORMER_FILES = files(TRANSFORMER, TRAINED_MODEL)
SPARSE = PATHS.sparse
PRUNINGS = PATHS.of_pruned("pruning.json", MODELS)
CIRCUIT_FILES = PATHS.of_pruned("circuit.json", MODELS)
EXPLANATIONS = PATHS.of_pruned("explanation.json", SPARSE)
CARRIED = PATHS.carried
# What is drawn: by name, the kind of figure and its data.
FIGURE_DATA = {
    "frontier": ("frontier", f"{CIRCUITS}/frontier.json"),
    **{
        f"circuit_{STUDY.headline_task}_{model}": (
            "weight_circuit",
            [
                f"{CIRCUITS}/{STUDY.headline_task}/{model}/{file}.json"
                for file in ("circuit", "explanation")
            ],
        )
        for model in SPARSE
    },
    **({"carried": ("carried", CARRIED[0])} if STUDY.bridges else {}),
}


wildcard_constraints:
    model="|".join(map(re.escape, MODELS)),
    task="|".join(STUDY.tasks),


def model_folder(wildcards, input):
    """The folder of the model or tokenizer whose files are a rule's input."""
    return str(Path(input.model[0]).parent)
