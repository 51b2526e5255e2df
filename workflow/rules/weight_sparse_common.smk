"""Paths, figures and functions of studies of weight-sparse transformers."""

TOKENIZER = f"results/tokenizers/{STUDY.corpus}-{STUDY.vocabulary}"
TOKENIZER_FILES = multiext(
    f"{TOKENIZER}/", "model_card.json", "tokenizer.json", "tokenizer_config.json"
)
SEQUENCES = (
    f"results/corpora/{STUDY.corpus}/sequences-{STUDY.vocabulary}-{STUDY.context}.h5"
)
MODELS = list(STUDY.models)
TRANSFORMER = f"results/models/{STUDY.study}-{{model}}"
TRANSFORMER_FILES = multiext(
    f"{TRANSFORMER}/",
    "model_card.json",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.csv",
    "losses.json",
)
SPARSE, DENSE = STUDY.frontier.sparse, STUDY.frontier.dense
PRUNING, PRUNED_TASKS = STUDY.pruning, STUDY.tasks
PRUNINGS = expand(
    f"{CIRCUITS}/{{task}}/{{model}}/pruning.json", model=MODELS, task=STUDY.tasks
)
CIRCUIT_FILES = [path.replace("pruning.json", "circuit.json") for path in PRUNINGS]
EXPLANATIONS = expand(
    f"{CIRCUITS}/{{task}}/{{model}}/explanation.json",
    model=SPARSE,
    task=STUDY.tasks,
)
CARRIED = [f"{CIRCUITS}/carried.json"] if STUDY.bridges else []


wildcard_constraints:
    model="|".join(map(re.escape, MODELS)),
    task="|".join(STUDY.tasks),


def model_folder(wildcards, input):
    """The folder of the model or tokenizer whose files are a rule's input."""
    return str(Path(input.model[0]).parent)


def task_source(wildcards):
    """The words of the command line that say where a task's pairs come from."""
    sizes = ["--train", STUDY.train_pairs, "--test", STUDY.test_pairs]
    return ["code", "--task", wildcards.task, *sizes, "--seed", STUDY.seed]


def task_files(wildcards):
    """The files of pairs that the user brings: none."""
    return []
