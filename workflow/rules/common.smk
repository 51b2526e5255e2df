"""What the rules need of a study of autoencoders."""

import json
import math

from sparse_circuits.config.site import Site
from sparse_circuits.config.edits import OfCircuit, Select
from sparse_circuits.tasks.occupations import Occupations
from sparse_circuits.tasks.pronouns import Pronouns
from sparse_circuits.tasks.agreement import Agreement
from sparse_circuits.tasks.classes import Classes
from sparse_circuits.tasks.cue import Cued
from sparse_circuits.tasks.file import FilePairs

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
WEIGHT_FILES = multiext(
    f"{MODEL}/",
    "model_card.json",
    "config.json",
    "generation_config.json",
    "model.safetensors",
)
TOKENIZER_FILES = multiext(
    f"{MODEL}/", "model_card.json", "tokenizer.json", "tokenizer_config.json"
)
COUNTERFACTUALS = PATHS.counterfactuals
CONFIG_FILES = multiext(f"{MODEL}/", "model_card.json", "config.json")
CACHE = f"results/activations/{STUDY.model}/{STUDY.corpus}"
SEQUENCES = f"{CACHE}/sequences.h5"
EDITS = f"results/edits/{STUDY.study}"

SHARD_SEQUENCES = max(1, STUDY.activations.shard_tokens // STUDY.activations.context)
TRAIN_SEQUENCES = math.ceil(STUDY.activations.tokens / STUDY.activations.context)
HELD_OUT_SEQUENCES = math.ceil(
    STUDY.activations.held_out_tokens / STUDY.activations.context
)
# A shard holds one stretch of the sequences at one group of neighbouring sites; all stretches of the first group first.
STRETCHES = math.ceil(TRAIN_SEQUENCES / SHARD_SEQUENCES)
SITES = STUDY.cached_sites
SITES_PER_SHARD = STUDY.activations.sites_per_shard or max(1, len(SITES))
SITE_GROUPS = [
    SITES[first : first + SITES_PER_SHARD]
    for first in range(0, len(SITES), SITES_PER_SHARD)
]
SHARDS = [
    f"{CACHE}/shard-{number:05d}.h5" for number in range(len(SITE_GROUPS) * STRETCHES)
]

BASES = STUDY.circuits.bases
# A site's own name where autoencoders read and write it; else mlp.<layer>, crosscoder or cross_layer.
PLACES = STUDY.places
SAE_FOLDERS = [
    f"results/saes/{STUDY.model}/{site}/{sae}"
    for site, place in PLACES.items()
    for sae in place.saes
]
SAE_EVALUATIONS = [f"{folder}/evaluation.json" for folder in SAE_FOLDERS]
PROBINGS = (
    [
        f"results/saes/{STUDY.model}/{site}/{sae}/probing.json"
        for site in STUDY.sites
        for sae in PLACES[site].saes
    ]
    if STUDY.probing
    else []
)
STABILITIES = [
    f"results/saes/{STUDY.model}/{site}/{sae}/stability.json"
    for site, place in PLACES.items()
    for sae in place.saes
    if sae in STUDY.other_seeds
]
CIRCUIT_FILES = expand(
    f"{CIRCUITS}/{{task}}/{{basis}}/circuit.json", task=STUDY.tasks, basis=BASES
)
EVALUATIONS = expand(
    f"{CIRCUITS}/{{task}}/{{basis}}/evaluation.json", task=STUDY.tasks, basis=BASES
)
MINIMAL_CIRCUITS = (
    expand(f"{CIRCUITS}/{{task}}/{{basis}}/minimal.json", task=STUDY.tasks, basis=BASES)
    if STUDY.circuits.minimal
    else []
)
FEATURE_SITES = list(STUDY.basis_sites("features"))
# The nodes that are drawn and described: features, where there are any.
SHOWN_BASIS = next(iter(BASES))
TRAINED = list(STUDY.trained)
SAE_FILES = [
    "cfg.json",
    "sae_weights.safetensors",
    "sparsity.safetensors",
    "training.csv",
]


# All in one place before the first rule: of a rule whose outputs lie in storage, Snakemake forgets its own constraints
# when global ones come later.
wildcard_constraints:
    shard=r"\d{5}",
    site=r"[a-z_]+(\.\d+)?",
    sae="|".join(map(re.escape, STUDY.saes)) or "none",
    task="|".join(map(re.escape, {**STUDY.tasks, **STUDY.behaviours})),
    basis="|".join(BASES),
    model="|".join(map(re.escape, PATHS.vision_transformers)) or "none",
    edit="|".join(map(re.escape, STUDY.edits)) or "none",
    professions=r"[\w.-]+",


def model_folder(wildcards, input):
    """The folder of the model whose files are a rule's input."""
    return str(Path(input.model[0]).parent)


def site_shards(wildcards):
    """The shards that hold what is read and written at a place."""
    return place_shards(PLACES[wildcards.site])


def place_shards(place):
    """The shards that hold a place's sites."""
    groups = sorted(
        {SITES.index(site) // SITES_PER_SHARD for site in place.reads + place.writes}
    )
    return [
        shard
        for group in groups
        for shard in SHARDS[group * STRETCHES : (group + 1) * STRETCHES]
    ]


def sae_files_of(basis, sites=None):
    """The files of the autoencoders that a basis needs, at all of its sites or at some."""
    places = STUDY.basis_sites(basis)
    return [
        f"results/saes/{STUDY.model}/{places[site]}/{BASES[basis].sae}/{name}"
        for site in sites or places
        if places[site]
        for name in SAE_FILES[:2]
    ]


def saes_flag(wildcards, input):
    """The flag that names a basis' autoencoders, as a list of words; empty for coordinates."""
    folders = dict.fromkeys(str(Path(file).parent) for file in input.saes)
    return ["--saes", *folders] if folders else []


def cue_flags(wildcards):
    """The flags that name the images and the cue that the study's model was trained with; none without a cue."""
    cue = STUDY.vision_transformer and STUDY.vision_transformer.cue
    return ["--images", CORPUS_FILE, "--cue", cue.model_dump_json()] if cue else []


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
