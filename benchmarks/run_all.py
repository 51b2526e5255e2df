"""Run every benchmark, then write performance.md and validity.md in docs/experiments from results/benchmarks/*.json."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import RESULTS, findings, table
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import publishing, read_json
from sparse_circuits.command import program

PERFORMANCE, VALIDITY = Path("docs/experiments/performance.md"), Path("docs/experiments/validity.md")

# Heading and method of each, in the order in which they run.
SPEED = {
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
    "edges": (
        "Edges",
        "All edges between two sites at once, beside a loop of one backward pass for each downstream feature, timed "
        "on a sample of the features. From the autoencoders of the default study, or random ones of the same size "
        "where only the residual stream lies between. What bounds small sets is in docs/explanation/design_choices.md.",
    ),
    "circuit_cost": (
        "Circuits",
        "Circuits of all sizes of a curve go through the model in one batch. A CPU is busy with one size already, so "
        "the batch costs what its tokens cost, less the clean run, which all sizes share.",
    ),
    "weight_sparse": (
        "Weight-sparse transformers",
        "Training steps of the same model dense, with sparse activations, and with sparse weights too, in turn. "
        "Weights are dense tensors with zeros in them: that they are sparse costs the projection and saves nothing. "
        "The compact circuit holds the rows and columns of open nodes alone.",
    ),
}
FINDINGS = {
    "attribution": (
        "Attribution methods",
        "The default study's autoencoders and tasks. Each method scores all features on training pairs. Correlation is "
        "that of mean scores with the mean effect of setting the node alone to its patch value, at all positions. "
        "Faithfulness is of the best nodes on test pairs, with everything else at its mean and error nodes kept.",
    ),
    "minimal_circuits": (
        "Minimal circuits",
        "Each search sees training pairs alone, the last quarter of which judges sizes; what is left after backward "
        "elimination is judged on test pairs. `thresholds_need` is how many of the best features are as faithful "
        "on the same test pairs, `coordinates_need` how many of the 2,880 coordinates of the same five sites, and "
        "`neurons_need` how many MLP neurons of all layers, with attention whole; a dash says that no number is.",
    ),
    "transfer": (
        "Transfer to natural sentences",
        "Features found on templates, in sentences mined from the corpus; docs/experiments/transfer.md says how.",
    ),
}


@dataclass(frozen=True)
class Arguments:
    measure: bool = True
    """run the benchmarks; without it, write the page from the results that are there"""


def main(args: Arguments) -> None:
    known = SPEED | FINDINGS
    failed = [name for name in known if args.measure and not measure(name)]
    results = {name: read_json(path) for name in known if (path := RESULTS / f"{name}.json").exists()}
    if not results:
        raise StudyError(f"nothing was measured; {PERFORMANCE} and {VALIDITY} were left as they were")
    for path, title, benchmarks in ((PERFORMANCE, "Performance", SPEED), (VALIDITY, "Validity", FINDINGS)):
        measured = {name: results[name] for name in benchmarks if name in results}
        if measured:
            with publishing(path) as temporary:
                temporary.write_text(page(title, benchmarks, measured, failed), encoding="utf-8")
            print(f"wrote {path}")
    if failed:
        raise StudyError(f"failed, for reasons given above: {', '.join(failed)}; the pages say so")


def measure(name: str) -> bool:
    """Run a benchmark and tell whether it succeeded; its earlier result goes, lest it pass for a new one."""
    print(f"{name} ...", flush=True)
    (RESULTS / f"{name}.json").unlink(missing_ok=True)
    return not subprocess.run([sys.executable, f"benchmarks/{name}.py"]).returncode


def page(
    title: str, benchmarks: dict[str, tuple[str, str]], results: dict[str, dict[str, Any]], failed: list[str]
) -> str:
    """Return a page: the machine, then for each benchmark its method and its tables.

    One that failed may have measured a part.
    """
    facts = next(iter(results.values()))["machine"]
    lines = [
        f"# {title}",
        "",
        "Written by `make bench`; do not edit. Numbers of one machine: run it on yours.",
        "",
        f"Machine: {facts['cpu']}, {facts['cores']} cores; torch {facts['torch']}; bf16 products "
        f"{'fast' if facts['fast_bfloat16'] else 'not fast'}.",
    ]
    if benchmarks is SPEED:
        lines += [
            "",
            "Speeds are medians over the rounds; the ratio, ours to the other, is the median of each round's ratio.",
        ]
    for name, (heading, method) in benchmarks.items():
        lines += ["", f"## {heading}", "", method, ""]
        if name in results:
            here = results[name]["machine"]
            if (here["cpu"], here["torch"]) != (facts["cpu"], facts["torch"]):
                raise StudyError(f"{RESULTS}/{name}.json: measured on another machine; run `make bench` again")
            where = "the CPU" if here["device"] == "cpu" else here["device"]
            lines += [f"Computed on {where}, threads: {here['threads']}.", "", *_body(results[name])]
        if name in failed or name not in results:
            lines.append(f"- Not all was measured: `python benchmarks/{name}.py` says why.")
    return "\n".join(lines) + "\n"


def _body(result: dict[str, Any]) -> list[str]:
    if "tables" in result:
        return findings(result)
    notes = [f"- {note}" for note in result["notes"]]
    return [*table(result["rows"]), *([""] if notes else []), *notes]


if __name__ == "__main__":
    program(main)
