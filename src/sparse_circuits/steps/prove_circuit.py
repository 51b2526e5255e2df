from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.circuit_file import circuit_nodes
from sparse_circuits.circuits.prove import ablation_effects, controls, hypothesis_tests, stability_of
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.config.prove_circuit import ProveCircuit
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words
from sparse_circuits.tasks.drawn import drawn
from sparse_circuits.tasks.pair import Pair, read_pairs
from sparse_circuits.tasks.pairs import Groups, encode_pairs


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    train: Path  # training pairs of the task
    test: Path  # test pairs of the task
    scores: Path  # node scores from the training pairs
    circuit: Path  # circuit.json from the training pairs
    proof: Path  # JSON file to write
    saes: list[Folder] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""


def step(files: Files, settings: ProveCircuit, compute: Compute) -> None:
    """Put a circuit to the proof: what each node does, hypothesis tests, stability, controls on which it must fail."""
    seed = settings.seed
    drawn_pairs = settings.prove_pairs, seed, settings.batch_tokens
    bench = Bench.load(files.model, files.test, files.saes, settings.sites, compute.start(), *drawn_pairs)
    scores = load_scores(files.scores)
    circuit = circuit_nodes(ScoredCircuit.read(files.circuit))
    tokenizer = load_tokenizer(files.model)
    train, test = (read_pairs(path) for path in (files.train, files.test))
    words = nonsense_words(train + test, tokenizer, seed)

    def encoded(pairs: list[Pair]) -> Groups:
        return encode_pairs(pairs, tokenizer, bench.model.separator_id)

    def nonsense(pairs: list[Pair], count: int | None) -> Groups:
        return encoded(nonsense_task(drawn(pairs, count, seed), words))

    nonsense_train, nonsense_test = nonsense(train, len(scores.total_effect)), nonsense(test, settings.prove_pairs)
    size = len(circuit)
    CircuitProof(
        effects=ablation_effects(bench, scores, circuit),
        stability=stability_of(scores, size, seed),
        controls=controls(bench, scores, nonsense_train, nonsense_test, size, seed),
        tests=hypothesis_tests(bench, encoded(test), scores, circuit, seed),
    ).write(files.proof)
