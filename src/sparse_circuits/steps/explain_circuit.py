from dataclasses import dataclass
from pathlib import Path

import torch

from sparse_circuits.activations.sequences import read_sequences
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.artefacts.weight_explanation import WeightExplanation
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.explain_circuit import ExplainCircuit
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.models.texts import token_text
from sparse_circuits.tasks.pair import read_pairs
from sparse_circuits.tasks.pairs import encode_pairs
from sparse_circuits.weight_sparse.choices import Masking
from sparse_circuits.weight_sparse.explain import explain
from sparse_circuits.weight_sparse.folder import load_transformer
from sparse_circuits.weight_sparse.masks import parse_channel


@dataclass(frozen=True)
class Files:
    circuit: Path  # circuit.json
    model: Folder  # folder of the model
    sequences: Path  # HDF5 file of token sequences, over whose first training ones means are taken
    train: Path  # training pairs, on which claims are made
    test: Path  # test pairs, on which they are tested
    explanation: Path  # JSON file to write


def step(files: Files, settings: ExplainCircuit, compute: Compute) -> None:
    """Say what each node of a circuit of a weight-sparse transformer tells and does, and test it on the test pairs."""
    model, separator = load_transformer(files.model, compute.start())
    tokenizer = load_tokenizer(files.model)
    tokens = torch.from_numpy(read_sequences(files.sequences, "train", 0, settings.mean_sequences).token_id).long()
    masking = Masking.by_means(model, tokens, settings.frozen_norms)
    train, test = (encode_pairs(read_pairs(path), tokenizer, separator) for path in (files.train, files.test))
    circuit = WeightCircuit.read(files.circuit)
    nodes = [parse_channel(node.id) for node in circuit.nodes]
    found = explain(masking, train, test, nodes, lambda token: token_text(tokenizer, token))
    facts = circuit.model_dump(include={"study", "task", "model"})
    WeightExplanation(**facts, **dict(found)).write(files.explanation)
    held = sum(claim.holds for claim in found.claims)
    print(f"{len(nodes)} nodes, {held} of {len(found.claims)} claims hold on test pairs")
