"""What a study needs of a machine, without loading anything: memory of a job, disk of the activation cache."""

import json
import math
from collections.abc import Iterable
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.config.catalogue import known_size
from sparse_circuits.config.site import Site
from sparse_circuits.studies.study import Study

FP32 = 4  # bytes of a weight, which programs load in fp32 whatever the file has
LARGEST_JOB = 7000  # MB, beside its weights, of the rule that needs most
VOCABULARY = 262_144  # tokens of the largest vocabulary among the families of models (Gemma's)
WIDER = {"mlp_neurons": 4}  # times d_model, of sites that are wider
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}


def job_memory(base: int, inputs: Iterable[str], copies: int = 1) -> int:
    """Return the MB of a job that needs `base` beside the weights that it loads, so many copies of each.

    Weights are the safetensors files among its inputs: of a model they follow from vocabulary, width and layers, of an
    autoencoder from width and features. What is not there yet counts as nothing. Logits need no more with a larger
    vocabulary (`models.predicted`).
    """
    files = [Path(file) for file in inputs if file.endswith(".safetensors")]
    weights = sum(parameters(file) for file in files if file.is_file())
    return base + math.ceil(copies * FP32 * weights / 1e6)


def parameters(file: Path) -> int:
    """Return how many numbers a safetensors file holds, by its header (8 bytes of length, then JSON)."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def parameters_at_most(num_layers: int, d_model: int) -> int:
    """Return a bound on a language model's parameters before it is fetched.

    16 d² a layer, which is attention and a gated MLP of width 4 d, and two matrices of the largest vocabulary.
    """
    return 16 * num_layers * d_model**2 + 2 * VOCABULARY * d_model


def study_memory(study: Study) -> int:
    """Return the MB of a study's largest job: as its file of weights says or, before that is made, at most.

    A distilled edit holds the model twice. Models of images are small. Raises StudyError as `_size` does.
    """
    file = _folder(study) / "model.safetensors"
    if file.is_file():
        return job_memory(LARGEST_JOB, [str(file)], copies=2)
    most = 0 if study.model_classes else parameters_at_most(_size(study, "num_layers"), _size(study, "d_model"))
    return LARGEST_JOB + math.ceil(2 * FP32 * most / 1e6)


def cache_bytes(study: Study) -> int:
    """Return the bytes of a language study's activation cache, uncompressed; raises StudyError as `_size` does."""
    widths = (WIDER.get(Site.parse(site).kind, 1) * _size(study, "d_model") for site in study.cached_sites)
    return (study.activations.tokens + study.activations.held_out_tokens) * sum(widths) * BYTES[study.activations.dtype]


def _folder(study: Study) -> Path:
    return Path(f"results/models/{study.model}")


def _size(study: Study, key: str) -> int:
    """A size of the study's model, by our key; raises StudyError where it is not known before the model is fetched."""
    config = _folder(study) / "config.json"
    size = known_size(read_json(config), key) if config.is_file() else study.model_entry.size(key)
    if size is None:
        raise StudyError(
            f"{study.models_file}: {study.model} has no `{key}`, from which memory and disk follow; give it, or fetch "
            f"the model first: snakemake {config}"
        )
    return size
