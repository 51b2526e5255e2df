"""Put a circuit to the proof: what each node does, hypothesis tests, stability, controls on which it must fail."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.circuits.circuit_file import read_circuit_nodes
from sparse_circuits.circuits.prove import ablation_effects, controls, hypothesis_tests, stability_of
from sparse_circuits.circuits.scores import load_scores
from sparse_circuits.circuits.setup import set_up_circuits
from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.files import write_json
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.tasks.controls import nonsense_task, nonsense_words
from sparse_circuits.tasks.drawn import drawn
from sparse_circuits.tasks.pairs import Groups, Pair, encode_pairs, read_pairs


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    train: Path
    """training pairs of the task"""
    test: Path
    """test pairs of the task"""
    scores: Path
    """node scores from the training pairs"""
    circuit: Path
    """circuit.json from the training pairs"""
    sites: list[str]
    """sites in the order of the computation"""
    proof: Path
    """JSON file to write"""
    saes: list[Path] = field(default_factory=list)
    """folder of each site's autoencoder; none: the nodes are the site's own coordinates"""
    draw: int | None = None
    """test pairs to draw for what is compared with random circuits; all when not given"""
    batch_tokens: int = 2048
    """tokens in one forward pass, over all circuits in it"""
    seed: int = 0
    """pairs drawn, random circuits, permutations, resamples, nonsense words"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    setup = set_up_circuits(args.model, args.test, args.draw, args.seed, args.saes, args.sites, device)
    scores, method, steps = load_scores(args.scores)
    circuit = read_circuit_nodes(args.circuit)
    tokenizer = load_tokenizer(args.model)
    train, test = (read_pairs(path) for path in (args.train, args.test))
    words = nonsense_words(train + test, tokenizer, args.seed)

    def encoded(pairs: list[Pair]) -> Groups:
        return encode_pairs(pairs, tokenizer, setup.language.separator_id)

    nonsense = [
        encoded(nonsense_task(drawn(pairs, count, args.seed), words))
        for pairs, count in ((train, len(scores.gap)), (test, args.draw))
    ]
    write_json(
        args.proof,
        {
            "effects": ablation_effects(setup, scores, circuit, args.batch_tokens),
            "stability": stability_of(scores, len(circuit), args.seed),
            "controls": controls(setup, scores, *nonsense, len(circuit), method, steps, args.seed, args.batch_tokens),
            "tests": hypothesis_tests(setup, encoded(test), scores, circuit, args.seed, args.batch_tokens),
        },
    )


if __name__ == "__main__":
    program(main, Arguments)
