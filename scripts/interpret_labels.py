"""Have a language model label the nodes of a site, and judge each label by whether it finds the node's activations."""

from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.command import program
from sparse_circuits.endpoint import Endpoint
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, sha256, write_json
from sparse_circuits.interpret.generated import generated_labels
from sparse_circuits.models.load import load_tokenizer


@dataclass(frozen=True)
class Arguments:
    interpretation: Path
    """description of the site's nodes"""
    sequences: Path
    """sequences that it was made from"""
    model: Path
    """folder of the model that is described; its tokenizer is needed"""
    base_url: str
    """address of the endpoint, up to and without /chat/completions"""
    labeller: str
    """the endpoint's name of the model that labels"""
    remembered: Path
    """file in which answers are kept as they come, so that nothing is asked twice"""
    labels: Path
    """JSON file to write"""
    key_variable: str | None = None
    """environment variable that holds the endpoint's key"""
    timeout: int = 60
    """seconds to wait for an answer"""
    tries: int = 4
    """times to ask while the endpoint is busy or out of reach"""
    parallel: int = 4
    """nodes under way at once"""


def main(args: Arguments) -> None:
    interpretation = read_json(args.interpretation)
    if sha256(args.sequences) != interpretation["sha256"]["sequences"]:
        raise StudyError(f"{args.sequences}: not the sequences that {args.interpretation} was made from; run it again")
    endpoint = Endpoint(args.base_url, args.labeller, args.remembered, args.key_variable, args.timeout, args.tries)
    sequences = read_sequences(args.sequences, "train")
    labels = generated_labels(endpoint, load_tokenizer(args.model), interpretation, sequences, args.parallel)
    facts = {key: interpretation[key] for key in ("study", "site", "model")}
    write_json(args.labels, {**facts, "labeller": args.labeller, "nodes": labels})
    unreadable = sum(label["unreadable"] for label in labels)
    given = sum(label["label"] is not None for label in labels)
    print(f"{given} of {len(labels)} nodes labelled, {unreadable} answers that could not be read")


if __name__ == "__main__":
    program(main, Arguments)
