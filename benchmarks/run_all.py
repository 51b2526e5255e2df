"""Run every benchmark, then write docs/performance.md from results/benchmarks/*.json."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import RESULTS, table
from sparse_circuits.command import program
from sparse_circuits.errors import StudyError
from sparse_circuits.files import publishing, read_json

PAGE = Path("docs/performance.md")

# Heading and method of each, in the order in which they run.
BENCHMARKS = {
    "activation_cache": (
        "Caching activations",
        "One shard is cached as the workflow does it (forward pass to the last site, statistics, permutation, writing "
        "with checksums, fsync), in turn with the bare forward pass of the same Hugging Face model over the same "
        "batches to the same layer in the same precision, which reads nothing.",
    ),
    "feeding": (
        "Feeding training from the cache",
        "Whole steps of our trainer, fed from HDF5 by the reader (one thread reads ahead; nothing is held in memory, "
        "so every slab is read and its checksum tested; the files are in the system's cache), in turn with the same "
        "trainer on the same batches in memory.",
    ),
    "sae_training": (
        "Training a sparse autoencoder",
        "Whole steps of our trainer and of the other libraries' own trainers, in turn, on the same activations held in "
        "memory and with the same number of threads. Each library keeps its defaults, and of the switches that it "
        "offers for speed those with which it was fastest in a short trial. bf16 autocast is tried where bf16 products "
        "are fast; elsewhere it only slows down. AuxK costs nobody anything: no feature counts as dead within so few "
        "steps. Each trainer is timed from its own initial weights. This matters for JumpReLU and gated, whose cost "
        "with us, not with the others, depends on how many features are active: at the start about half. They are "
        "timed from weights like those of trained ones, too: rows of length 1, 64 features active. The encoder's "
        "forward product, which no TopK trainer can do without, is the floor.",
    ),
    "sweep": (
        "Training several autoencoders together",
        "Six TopK autoencoders on one stream of batches, as a sweep over k and seeds trains them, in turn with one "
        "alone. Speeds count each token once for each autoencoder, so higher is better.",
    ),
}


@dataclass(frozen=True)
class Arguments:
    measure: bool = True
    """run the benchmarks; without it, write the page from the results that are there"""


def main(args: Arguments) -> None:
    failed = [name for name in BENCHMARKS if args.measure and not measure(name)]
    results = {name: read_json(path) for name in BENCHMARKS if (path := RESULTS / f"{name}.json").exists()}
    if not results:
        raise StudyError(f"nothing was measured; {PAGE} was left as it was")
    with publishing(PAGE) as temporary:
        temporary.write_text(page(results, failed), encoding="utf-8")
    print(f"wrote {PAGE}")
    if failed:
        raise StudyError(f"failed, for reasons given above: {', '.join(failed)}; {PAGE} says so")


def measure(name: str) -> bool:
    """Run a benchmark and tell whether it succeeded; its earlier result goes, lest it pass for a new one."""
    print(f"{name} ...", flush=True)
    (RESULTS / f"{name}.json").unlink(missing_ok=True)
    return not subprocess.run([sys.executable, f"benchmarks/{name}.py"]).returncode


def page(results: dict[str, dict[str, Any]], failed: list[str]) -> str:
    """Return the page: the machine, then for each benchmark its method, its table and which targets hold.

    One that failed may have measured a part.
    """
    machines = [result["machine"] for result in results.values()]
    if any(machine != machines[0] for machine in machines):
        raise StudyError(f"{RESULTS}: measured on different machines or threads; run `make bench` again")
    facts = machines[0]
    lines = [
        "# Performance",
        "",
        "Written by `make bench`; do not edit. Numbers of one machine: run it on yours.",
        "",
        f"Machine: {facts['cpu']}, {facts['cores']} cores, threads used: {facts['threads']}; computed on "
        f"{'the CPU' if facts['device'] == 'cpu' else facts['device']}, bf16 products "
        f"{'fast' if facts['fast_bfloat16'] else 'not fast'}; torch {facts['torch']}.",
        "",
        "Speeds are medians over the rounds; the ratio, ours to the other, is the median of each round's ratio.",
    ]
    for name, (heading, method) in BENCHMARKS.items():
        lines += ["", f"## {heading}", "", method, ""]
        if name in results:
            rows, notes = results[name]["rows"], results[name]["notes"]
            lines += [*table(rows), "", *verdicts(rows), *(f"- {note}" for note in notes)]
        if name in failed or name not in results:
            lines.append(f"- Not all was measured: `python benchmarks/{name}.py` says why.")
    return "\n".join(lines) + "\n"


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Return one line for each target: whether it holds."""
    words = {True: "holds", False: "does not hold"}
    return [
        f"- Target {row['target']:g} **{words[row['holds']]}** ({row['ratio']:.2f}): {row['name']}."
        for row in rows
        if row["target"] is not None
    ]


if __name__ == "__main__":
    program(main, Arguments)
