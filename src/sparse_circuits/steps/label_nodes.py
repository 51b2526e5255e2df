from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.interpretation import Interpretation
from sparse_circuits.artefacts.node_labels import NodeLabels
from sparse_circuits.base.endpoint import Endpoint
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import Folder, sha256
from sparse_circuits.config.label_nodes import LabelNodes
from sparse_circuits.interpret.generated import generated_labels
from sparse_circuits.models.load import load_tokenizer


@dataclass(frozen=True)
class Files:
    interpretation: Path  # description of the site's nodes
    sequences: Path  # sequences that it was made from
    tokenizer: Folder  # folder of the model that is described; its tokenizer is needed
    remembered: Path  # file in which answers are kept as they come, so that nothing is asked twice
    labels: Path  # JSON file to write


def step(files: Files, settings: LabelNodes) -> None:
    """Have a language model label the nodes of a site, and judge how well each label finds the node's activations."""
    interpretation = Interpretation.read(files.interpretation)
    if sha256(files.sequences) != interpretation.sha256["sequences"]:
        raise StudyError(
            f"{files.sequences}: not the sequences that {files.interpretation} was made from; run it again"
        )
    endpoint = Endpoint(
        settings.base_url, settings.model, files.remembered, settings.key_variable, settings.timeout, settings.tries
    )
    sequences = read_sequences(files.sequences, "train")
    labels = generated_labels(endpoint, load_tokenizer(files.tokenizer), interpretation, sequences, settings.parallel)
    facts = interpretation.model_dump(include={"study", "site", "model"})
    NodeLabels(**facts, labeller=settings.model, nodes=labels).write(files.labels)
    unreadable = sum(label.unreadable for label in labels)
    given = sum(label.label is not None for label in labels)
    print(f"{given} of {len(labels)} nodes labelled, {unreadable} answers that could not be read")
