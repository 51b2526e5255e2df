"""What the rules need of a study of autoencoders."""

from sparse_circuits.config.site import Site
from sparse_circuits.config.edits import Occupations, OfCircuit, Pronouns, Select
from sparse_circuits.config.tasks import ClassesTask, CueTask, FileTask

MODEL = f"results/models/{STUDY.model}"
MODEL_FILES = multiext(
    f"{MODEL}/",
    "model_card.json",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
TOKENIZER_FILES = multiext(
    f"{MODEL}/", "model_card.json", "tokenizer.json", "tokenizer_config.json"
)
# Models of images are trained here: the study's and, where it has one, its weight-sparse twin.
TRANSFORMER = "results/models/{model}"
TRANSFORMER_FILES = [
    *[path.replace(MODEL, TRANSFORMER) for path in MODEL_FILES],
    f"{TRANSFORMER}/training.csv",
    f"{TRANSFORMER}/losses.json",
]
TWIN, MATCHED = f"{STUDY.model}-sparse", f"{STUDY.model}-dense"
VISION = {
    **({STUDY.model: STUDY.vision_transformer} if STUDY.vision_transformer else {}),
    **({TWIN: STUDY.twin.model} if STUDY.twin else {}),
    **({MATCHED: STUDY.twin.dense} if STUDY.twin and STUDY.twin.dense else {}),
}
CLASS_TASKS = [name for name, task in STUDY.tasks.items() if task.kind == "classes"]
COUNTERFACTUALS = (
    [f"{CIRCUITS}/counterfactuals.json"]
    if CLASS_TASKS and STUDY.vision_transformer
    else []
)
SEQUENCES = PATHS.sequences
EDITS = f"results/edits/{STUDY.study}"
BASES = STUDY.circuits.bases
FEATURE_SITES = list(STUDY.basis_sites("features"))
# The nodes that are drawn and described: features, where there are any.
SHOWN_BASIS = next(iter(BASES))


# All in one place before the first rule: of a rule whose outputs lie in storage, Snakemake forgets its own constraints
# when global ones come later.
wildcard_constraints:
    shard=r"\d{5}",
    site=r"[a-z_]+(\.\d+)?",
    sae="|".join(map(re.escape, STUDY.saes)) or "none",
    task="|".join(map(re.escape, {**STUDY.tasks, **STUDY.behaviours})),
    basis="|".join(BASES),
    model="|".join(map(re.escape, VISION)) or "none",
    edit="|".join(map(re.escape, STUDY.edits)) or "none",
    professions=r"[\w.-]+",


def model_folder(wildcards, input):
    """The folder of the model whose files are a rule's input."""
    return str(Path(input.model[0]).parent)


def sae_files_of(basis, sites=None):
    """The files of the autoencoders that a basis needs, at all of its sites or at some."""
    places = STUDY.basis_sites(basis)
    return [
        f"results/saes/{STUDY.model}/{places[site]}/{BASES[basis].sae}/{name}"
        for site in sites or places
        if places[site]
        for name in SAE[:2]
    ]


def saes_flag(wildcards, input):
    """The flag that names a basis' autoencoders, as a list of words; empty for coordinates."""
    folders = dict.fromkeys(str(Path(file).parent) for file in input.saes)
    return ["--saes", *folders] if folders else []


def task_source(wildcards):
    """The words of the command line that say where a task's pairs come from."""
    task = {**STUDY.tasks, **STUDY.behaviours}[wildcards.task]
    sizes = ["--train", task.train, "--test", task.test]
    if isinstance(task, FileTask):
        return ["file", *sizes]
    if isinstance(task, CueTask):
        return ["cue", *cue_flags(wildcards), *sizes, "--seed", STUDY.seed]
    if isinstance(task, ClassesTask):
        against = ["--against", task.against] if task.against else []
        images = ["--images", *task_files(wildcards)]
        return [
            *["classes", "--of", task.of, *against, *images, *sizes],
            "--seed",
            STUDY.seed,
        ]
    if task.kind == "stated_gender":
        return [task.kind, *sizes]
    if isinstance(task, Pronouns | Occupations):
        professions = ["--each", task.each, "--professions", *task_files(wildcards)]
        return [task.kind, *sizes, *professions]
    if task.kind == "attractors":
        return [
            *[task.kind, "--construction", task.construction],
            *[*sizes, "--seed", STUDY.seed],
        ]
    return ["agreement", "--template", task.template, *sizes, "--seed", STUDY.seed]


def cue_flags(wildcards):
    """The flags that name the images and the cue that the study's model was trained with; none without a cue."""
    cue = STUDY.vision_transformer and STUDY.vision_transformer.cue
    return ["--images", PATHS.corpus, "--cue", cue.model_dump_json()] if cue else []


def cue_images(wildcards):
    """The images on which the cost of a cue is measured, where the study's model was trained with one."""
    return [PATHS.corpus] if cue_flags(wildcards) else []


def task_files(wildcards):
    """The files that a task's pairs are made of: pairs that the user brings, or professions."""
    task = {**STUDY.tasks, **STUDY.behaviours}[wildcards.task]
    if isinstance(task, Pronouns | Occupations):
        return [f"results/professions/{task.professions}.json"]
    if isinstance(task, ClassesTask | CueTask):
        return [PATHS.corpus]
    files = [task.train, task.test] if isinstance(task, FileTask) else []
    return [local(file) for file in files]


def edit_flags(wildcards, input):
    """The flags that say what an edit works on."""
    edit = STUDY.edits[wildcards.edit]
    files = [*input.pairs, *getattr(input, "others", [])]
    folders = dict.fromkeys(str(Path(file).parent) for file in files)
    return [
        *["--edit", edit.model_dump_json(), "--model", MODEL],
        *["--sequences", SEQUENCES],
        *["--sites", *STUDY.basis_sites(edit.basis)],
        *["--names", *(Path(folder).name for folder in folders), "--pairs", *folders],
        *["--saes", *dict.fromkeys(str(Path(file).parent) for file in input.saes)],
    ]


def edit_pairs(wildcards):
    """The pairs that an edit is chosen on and judged by."""
    return expand(
        "results/tasks/{name}/{split}.jsonl",
        name=STUDY.edits[wildcards.edit].needs,
        split=["train", "test"],
    )


def other_tasks(wildcards):
    """The study's tasks that an edit is not about."""
    return [
        task for task in STUDY.tasks if task not in STUDY.edits[wildcards.edit].needs
    ]


def edit_saes(wildcards):
    """The files of the autoencoders whose features an edit rewrites."""
    return sae_files_of(STUDY.edits[wildcards.edit].basis)


def selection_of(wildcards):
    """The selection of an edit that has one."""
    operations = STUDY.edits[wildcards.edit].operations
    chosen = any(isinstance(operation, Select) for operation in operations)
    return [f"{EDITS}/{wildcards.edit}/selection.json"] if chosen else []


def permanent_of(wildcards):
    """The files of the model that keeps an edit, where there is to be one."""
    folder = f"{EDITS}/{wildcards.edit}/model"
    return (
        [path.replace(MODEL, folder) for path in MODEL_FILES]
        if STUDY.edits[wildcards.edit].permanent
        else []
    )


def circuit_tasks(wildcards):
    """The tasks whose circuits an edit keeps or removes."""
    operations = STUDY.edits[wildcards.edit].operations
    return [o.task for o in operations if isinstance(o, OfCircuit)]


def edit_circuits(wildcards):
    """The circuits that an edit keeps or removes."""
    basis = STUDY.edits[wildcards.edit].basis
    return [
        f"{CIRCUITS}/{task}/{basis}/circuit.json" for task in circuit_tasks(wildcards)
    ]


# The edits whose permanent models claims are tested on, in the order in which their files are a rule's input.
CLAIMED_EDITS = list(
    dict.fromkeys(claim.edit for claim in STUDY.claim_entries.values() if claim.edit)
)


def claim_subjects(wildcards, input):
    """The folder of the model that each claim is tested on."""
    edited = dict.fromkeys(str(Path(file).parent) for file in input.edited)
    folders = dict(zip(CLAIMED_EDITS, edited, strict=True))
    own = model_folder(wildcards, input)
    return [folders.get(claim.edit, own) for claim in STUDY.claim_entries.values()]
