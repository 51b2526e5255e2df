"""Tokens per second of training a sparse autoencoder, beside other libraries and the encoder's product alone.

Ours is `sparse_circuits.sae.train.train_saes` as the pipeline calls it, theirs are their own trainers with their
defaults (rivals_sae_training.py), and of the switches that a library offers for speed those with which it was fastest
in a short trial on this machine. All see the same activations and the same number of threads, in turn, in several
rounds. TopK, BatchTopK, JumpReLU and gated are trained at one size; on a GPU, TopK at four larger ones too.

On a GPU machine without the project's environment, with wheels for its Python in a folder `wheels` (pydantic, tyro,
psutil, safetensors, h5py, and those of setup_rivals.sh):
`pip install --no-index --no-deps wheels/*.whl && PYTHONPATH=src python benchmarks/sae_training.py --python python`
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from common import RESULTS, Architecture, Clock, Row, Training, compare, publish, synthetic_activations
from ours import time_training
from sparse_circuits.base.compute import choose_device, has_fast_bfloat16, set_up
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.command import program
from sparse_circuits.config.autoencoders import BatchTopK, Gated, JumpReLU, TopK, Trained

FEW = 64  # features a row of a JumpReLU or gated autoencoder that has been trained for a while
TARGETS: dict[Architecture, float] = {"topk": 8.0, "batch_topk": 3.0, "jumprelu": 3.0, "gated": 3.0}
NAMES: dict[Architecture, str] = {"topk": "TopK", "batch_topk": "BatchTopK", "jumprelu": "JumpReLU", "gated": "gated"}
WITH_TARGET = ("dictionary_learning", "sae_lens")
FLOOR_TARGETS = {"cpu": 0.4, "cuda": 0.5}
GPU_SIZES = tuple(product((768, 2304), (16384, 65536)))  # d_in, d_sae
TRIAL: dict[str, Any] = {"warm_up": 2, "steps": 4}  # to find each library's fastest switches

Switches = tuple[str, ...]


@dataclass(frozen=True)
class Arguments:
    rounds: int = 3
    """rounds; each measures everything once"""
    architectures: tuple[Architecture, ...] = ("topk", "batch_topk", "jumprelu", "gated")
    """what is trained at the size given"""
    gpu_sizes: bool = True
    """on a GPU, train TopK of d_in 768 and 2304, d_sae 16k and 65k too"""
    python: str = ".rivals/bin/python"
    """interpreter that has the other libraries"""
    training: Training = field(default_factory=lambda: Training(warm_up=3, steps=12))


def main(args: Arguments) -> None:
    if not shutil.which(args.python):
        raise StudyError(f"{args.python}: no such file; run `bash benchmarks/setup_rivals.sh` first")
    set_up(args.training.threads)
    device = choose_device(args.training.device)
    jobs = [(architecture, args.training) for architecture in args.architectures]
    if device.type == "cuda" and args.gpu_sizes:
        jobs += [("topk", replace(args.training, d_in=d_in, d_sae=d_sae)) for d_in, d_sae in GPU_SIZES]
    rows, notes = measured_before(args.architectures)
    for architecture, training in jobs:
        measured, noted = measure(architecture, training, args)
        rows += measured
        notes += noted
        publish("sae_training", device, rows, notes)  # after each, so that what is measured is kept


def measured_before(again: Sequence[Architecture]) -> tuple[list[Row], list[str]]:
    """Return rows and notes that are there already of architectures that are not measured again."""
    path = RESULTS / "sae_training.json"
    found = read_json(path) if path.exists() else {"rows": [], "notes": []}
    names = tuple(f"{NAMES[architecture]} " for architecture in again)
    rows = [{key: value for key, value in row.items() if key != "holds"} for row in found["rows"]]
    kept = [Row(**row) for row in rows if not row["name"].startswith(names)]
    return kept, [note for note in found["notes"] if not note.removeprefix("Tried for ").startswith(names)]


def measure(architecture: Architecture, training: Training, args: Arguments) -> tuple[list[Row], list[str]]:
    """Return the rows of one architecture at one size, and what the trials of switches found."""
    device = choose_device(training.device)
    libraries = switches_of(architecture, device)
    chosen: dict[str, Switches] = {}
    notes: list[str] = []
    sizes = f"{NAMES[architecture]} {training.d_in} → {training.d_sae:,}"
    for library, choices in libraries.items():
        chosen[library], note = fastest(library, architecture, choices, replace(training, **TRIAL), args.python)
        notes += [f"Tried for {sizes}: {note}"] if note else []
    batches = synthetic_activations(training)
    config = config_of(architecture, training)
    ours: list[float] = []
    floor: list[float] = []
    later: list[float] = []
    rivals: dict[str, list[float]] = {library: [] for library in libraries}
    titles: dict[str, str] = {}
    for _ in tqdm(range(args.rounds), desc=sizes, unit="round", disable=None):
        ours.append(training.tokens_per_second(time_training(batches, batches, training, {"sae": config})))
        if architecture in ("jumprelu", "gated"):
            seconds = time_training(batches, batches, training, {"sae": config}, active=FEW)
            later.append(training.tokens_per_second(seconds))
        for library, speeds in rivals.items():
            seconds, title = time_rival(library, architecture, chosen[library], training, args.python)
            titles[library] = f"{title} ({in_words(chosen[library])})"
            speeds.append(training.tokens_per_second(seconds))
        if architecture == "topk":
            floor.append(training.tokens_per_second(time_encoder_product(training, batches)))
    sizes += (f", k {training.k}" if "topk" in architecture else "") + f", batch {training.batch:,}"
    rows = [
        compare(
            f"{sizes}, beside {titles[library]}",
            "tokens/s",
            ours,
            speeds,
            TARGETS[architecture] if library in WITH_TARGET else None,
        )
        for library, speeds in rivals.items()
    ]
    for library, speeds in rivals.items() if later else ():
        name = f"{sizes}, {FEW} features active a row, beside {titles[library]}"
        rows.append(compare(name, "tokens/s", later, speeds, TARGETS[architecture]))
    if floor:
        precision = "bf16" if has_fast_bfloat16(device) else "fp32"
        name = f"{sizes}, beside its encoder's product alone, {precision}"
        rows.append(compare(name, "tokens/s", ours, floor, FLOOR_TARGETS[device.type]))
    return rows, notes


def config_of(architecture: Architecture, training: Training) -> Trained:
    """Return the settings of ours; penalties hardly act within so few steps, and are warmed up besides."""
    common: dict[str, Any] = {"d_sae": training.d_sae, "batch": training.batch}
    if architecture == "topk":
        return TopK(architecture="topk", k=training.k, **common)
    if architecture == "batch_topk":
        return BatchTopK(architecture="batch_topk", k=training.k, **common)
    if architecture == "jumprelu":
        return JumpReLU(architecture="jumprelu", l0=0.001, **common)
    return Gated(architecture="gated", l1=0.001, **common)


def switches_of(architecture: Architecture, device: torch.device) -> dict[str, list[Switches]]:
    """Return the switches to try, by library.

    bf16 autocast only where bf16 is fast: on a CPU without, SAELens took four times as long. dictionary_learning has it
    on CUDA only; sparsify, TopK only, always has it there.
    """
    autocast: list[Switches] = [("autocast",)] if has_fast_bfloat16(device) else []
    compiled: list[Switches] = [("compiled", *switches) for switches in [(), *autocast]]
    sparse: list[Switches] = [("sparse", *switches) for switches in [(), *autocast]]
    topk = architecture == "topk"
    libraries: dict[str, list[Switches]] = {
        "dictionary_learning": [(), *(autocast if device.type == "cuda" else [])],
        "sae_lens": [(), *autocast, *compiled, *(sparse if topk else [])],
    }
    return libraries | ({"sparsify": [()]} if topk else {})


def fastest(
    library: str, architecture: Architecture, choices: Sequence[Switches], training: Training, python: str
) -> tuple[Switches, str]:
    """Return the switches with which a library is fastest, and what the trial of each found, in words."""
    if len(choices) == 1:
        return choices[0], ""
    found: dict[Switches, float] = {}
    words: list[str] = []
    for switches in tqdm(choices, desc=f"trying {library}", disable=None):
        try:
            seconds, title = time_rival(library, architecture, switches, training, python)
        except StudyError as error:
            words.append(f"{in_words(switches)} failed")
            print(f"trial of {library}, {architecture}: {error}")
            continue
        found[switches] = training.tokens_per_second(seconds)
        words.append(f"{in_words(switches)} {found[switches]:,.0f}")
    if not found:
        raise StudyError(f"{library} trains no {architecture} here; its messages are above")
    return max(found, key=found.__getitem__), f"{title}, tokens/s: {', '.join(words)}."


def in_words(switches: Switches) -> str:
    """Return switches as a table names them."""
    words = {"autocast": "bf16 autocast", "compiled": "compiled", "sparse": "sparse activations"}
    return " and ".join(words[switch] for switch in switches) or "defaults"


def time_rival(
    library: str, architecture: Architecture, switches: Switches, training: Training, python: str
) -> tuple[float, str]:
    """Return the seconds that the timed steps of a rival's trainer take, and the name and version of its library."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(training).items()]
    command = [python, "benchmarks/rivals_sae_training.py", f"--library={library}", f"--architecture={architecture}"]
    command += [*flags, *(["--switches", *switches] if switches else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StudyError(f"{library}: {(done.stderr.splitlines() or ['no message'])[-1]}; try `{' '.join(command)}`")
    result = json.loads(done.stdout.splitlines()[-1])
    if result["torch"] != torch.__version__:
        raise StudyError(
            f"{python}: torch {result['torch']}, {torch.__version__} expected; run `bash benchmarks/setup_rivals.sh`"
        )
    return result["seconds"], result["library"]


@torch.no_grad()
def time_encoder_product(training: Training, batches: list[Tensor]) -> float:
    """Return the seconds that the encoder's product takes for the timed steps: a floor for any TopK trainer."""
    device = choose_device(training.device)
    precision = torch.bfloat16 if has_fast_bfloat16(device) else torch.float32
    W_enc = torch.randn(training.d_sae, training.d_in, generator=torch.Generator().manual_seed(0))
    W_enc = W_enc.to(device, precision)
    clock = Clock([batch.to(precision) for batch in batches], training, device)
    for x in clock:
        torch.nn.functional.linear(x, W_enc)
    return clock.seconds


if __name__ == "__main__":
    program(main)
