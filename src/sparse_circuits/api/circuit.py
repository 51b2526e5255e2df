"""Circuits as Python objects: found in memory or loaded from results/, evaluated, made minimal, run on a prompt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from sparse_circuits.artefacts.circuit import CircuitEdge, CircuitHashes, CircuitNode, ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitCurves, CircuitEvaluation
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.artefacts.minimal_circuit import MinimalCircuit, NeededNode
from sparse_circuits.artefacts.weight_circuit import WeightCircuit, WeightHashes, WeightNode, read_circuit
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import sha256
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.choose import choose_circuit
from sparse_circuits.circuits.dictionaries import Nodes, basis_of, load_basis
from sparse_circuits.circuits.evaluate import evaluate_circuits
from sparse_circuits.circuits.minimise import minimise_circuit
from sparse_circuits.circuits.scores import NodeScores, load_scores
from sparse_circuits.config.base import Name, Share, StepSettings, validate
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.config.minimise_circuit import MinimiseCircuit
from sparse_circuits.config.score_nodes import ScoreNodes
from sparse_circuits.config.site import Site
from sparse_circuits.edit.circuits import coordinates, mean_coordinates, mean_intervention
from sparse_circuits.models.load import Model
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.pair import Pair, pairs_of, read_pairs
from sparse_circuits.tasks.pairs import encode_pairs

Given = str | Path | Sequence[Pair | Mapping[str, Any]]
"""Pairs: a file of JSON lines, or a list of `Pair` or of dicts with its fields."""
Asked = TypeVar("Asked", bound=StepSettings)
SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


class FindInMemory(FindCircuit, ScoreNodes):
    """How a circuit is found without a study."""

    study: Name = "memory"
    task: Name = "pairs"
    node_threshold: Share = 0.01
    edge_threshold: Share = 0.01


class Origin(Protocol):
    """What a circuit was found with."""

    @property
    def model(self) -> Model:
        """The model."""
        ...

    @property
    def pairs(self) -> list[Pair]:
        """The training pairs."""
        ...

    @property
    def basis(self) -> Basis:
        """What the nodes are."""
        ...

    @property
    def scores(self) -> NodeScores:
        """The scores and means of all nodes."""
        ...


@dataclass(frozen=True)
class InMemory:
    """What was given to `find_circuit`, and the scores."""

    model: Model
    pairs: list[Pair]
    basis: Basis
    scores: NodeScores


@dataclass(frozen=True)
class InResults:
    """What a circuit of results/ was found with, loaded when asked for; refused when it is another one by now."""

    folder: Path
    facts: ScoredCircuit | WeightCircuit

    @cached_property
    def model(self) -> Model:
        """The model; raises StudyError when results/ has another one of that name."""
        folder = self._results / "models" / self.facts.model
        _same(folder / "model.safetensors", self._hashes.model)
        return Model.load(folder)

    @cached_property
    def pairs(self) -> list[Pair]:
        """The task's training pairs; raises StudyError when results/ has others."""
        file = self._results / "tasks" / self.facts.task / "train.jsonl"
        _same(file, self._hashes.task)
        return read_pairs(file)

    @cached_property
    def basis(self) -> Basis:
        """Features of the autoencoders with the circuit's hashes, or coordinates.

        Raises StudyError when an autoencoder is not there, and for a circuit of weights.
        """
        found = _scored(self.facts).sha256
        hashes = found.saes if found else {}
        saes = self._results / "saes" / self.facts.model
        digest_of = cache(sha256)
        folders = [_found(saes, site, digest, digest_of) for site, digest in hashes.items()]
        return load_basis(self.model, folders, list(hashes) or [str(site) for site in self.scores.sites])

    @cached_property
    def scores(self) -> NodeScores:
        """The scores that lie beside the circuit."""
        if not (file := self.folder / "scores.h5").exists():
            raise StudyError(f"{file}: missing; `snakemake` makes it, `make restore` brings it")
        return load_scores(file)

    @property
    def _hashes(self) -> CircuitHashes | WeightHashes:
        if self.facts.sha256 is None:
            raise StudyError(f"{self.folder}/circuit.json: no hashes (`sha256`) of what it was found with")
        return self.facts.sha256

    @property
    def _results(self) -> Path:
        return self.folder.resolve().parents[3]


@dataclass(frozen=True)
class FoundCircuit:
    """A circuit: circuit.json, what it was found with, and what stands beside it where it was judged and proved."""

    facts: ScoredCircuit | WeightCircuit  # circuit.json
    origin: Origin
    evaluation: CircuitEvaluation | None = None
    proof: CircuitProof | None = None
    minimised: MinimalCircuit | None = None  # the search that `minimal` made

    @property
    def nodes(self) -> list[CircuitNode] | list[WeightNode]:
        """Id, site, position; but for circuits of weights also score in nats, tokens promoted and suppressed."""
        return self.facts.nodes

    @property
    def edges(self) -> list[CircuitEdge]:
        """Source, target, weight in nats."""
        return self.facts.edges

    @property
    def model(self) -> Model:
        """The model that it is a circuit of."""
        return self.origin.model

    @property
    def saes(self) -> list[SparseAutoencoder]:
        """The autoencoders whose features are the nodes; none where nodes are coordinates of the model."""
        return [features.sae for features in self.origin.basis.values() if isinstance(features, Features)]

    def strongest(self, count: int | None = None) -> list[str]:
        """Return the ids of the nodes of largest |score|, or of all, without error nodes and the output.

        Raises StudyError for a circuit of weights, whose nodes have no scores: all of them are needed.
        """
        inside = [node for node in _scored(self.facts).parts if "/error" not in node.id]
        return [node.id for node in sorted(inside, key=lambda node: -abs(node.score))[:count]]

    def evaluate(self, pairs: Given, **settings: Any) -> CircuitCurves:
        """Judge the circuit, and circuits of the best nodes, on other pairs: the curves of evaluation.json.

        `settings` are those of the step evaluate_circuit. Raises StudyError for an unknown one, and for pairs that do
        not fit the model.
        """
        asked = _asked(EvaluateCircuit, {"sizes": SIZES, **settings}, "evaluate", sites=self._sites)
        bench = self._bench(pairs_of(pairs), asked.judge_pairs, asked.seed, asked.batch_tokens)
        return evaluate_circuits(bench, self.origin.scores, self._nodes(), asked)

    def minimal(self, target: float = 0.75, **settings: Any) -> "FoundCircuit":
        """Return the smallest circuit whose faithfulness on held-out training pairs is at least `target`.

        Its `minimised` tells of the search. `settings` are those of the step minimise_circuit. Raises
        StudyError for an unknown one, and when the candidates reach less.
        """
        asked = _asked(MinimiseCircuit, {"target": target, **settings}, "minimal", sites=self._sites)
        bench = self._bench(self.origin.pairs, None, asked.seed, asked.batch_tokens)
        found = minimise_circuit(bench, self.origin.scores, asked)
        own = {node.id: node for node in _scored(self.facts).nodes}
        outputs = [node for node in own.values() if node.site == "output"]
        parts = [own[n.id].model_copy(update={"score": n.score}) if n.id in own else _placed(n) for n in found.nodes]
        kept = {node.id for node in (*parts, *outputs)}
        edges = [edge for edge in self.edges if {edge.source, edge.target} <= kept]
        facts = self.facts.model_copy(update={"nodes": [*parts, *outputs], "edges": edges})
        return FoundCircuit(facts, self.origin, minimised=found)

    def alone(self, count: int | None = None, patch: str | None = None) -> Model:
        """Return the model with nothing but the circuit (its `count` strongest nodes) as it is; error nodes stay too.

        All other nodes are as on `patch`, a prompt of as many tokens as those to be asked about; without one at their
        means over the positions of the task's training prompts, which leaves a network far from any it has learnt.
        Raises StudyError for a circuit whose nodes stand at positions of the task's prompts: other prompts have others.
        """
        return self._ablated(count, patch, keep=True)

    def without(self, count: int | None = None, patch: str | None = None) -> Model:
        """Return the model with the circuit's nodes as on `patch` or at their means, and all others as they are."""
        return self._ablated(count, patch, keep=False)

    def _ablated(self, count: int | None, patch: str | None, keep: bool) -> Model:
        nodes = self._nodes(count)
        if any(node.position is not None for node in nodes):
            raise StudyError("the circuit's nodes stand at positions of the task's prompts")
        fills = self._means if patch is None else self._coordinates(patch)
        changed = self.model.changed(mean_intervention(self.origin.basis, fills, nodes, keep))
        return changed if patch is None else replace(changed, length=len(self.model.encode(patch)))

    def _nodes(self, count: int | None = None) -> list[Node]:
        return [Node.parse(name) for name in self.strongest(count)]

    @property
    def _sites(self) -> list[str]:
        return list(map(str, self.origin.basis))

    def _bench(self, pairs: list[Pair], draw: int | None, seed: int, batch_tokens: int) -> Bench:
        return Bench.of(self.model, pairs, self.origin.basis, draw, seed, batch_tokens)

    @torch.no_grad()
    def _coordinates(self, prompt: str) -> dict[Site, torch.Tensor]:
        """The coordinates (position, coordinate) of a prompt's tokens, without the separator."""
        tokens = torch.tensor([self.model.encode(prompt)])
        return {site: found[0] for site, found in coordinates(self.model, self.origin.basis, tokens).items()}

    @cached_property
    def _means(self) -> dict[Site, torch.Tensor]:
        groups = encode_pairs(self.origin.pairs, self.model.tokenizer, self.model.separator_id)
        prompts = [side for _, batch in groups for side in (batch.clean, batch.patch)]
        return mean_coordinates(self.model, self.origin.basis, prompts)


def find_circuit(model: Model, pairs: Given, nodes: Nodes = "neurons", **settings: Any) -> FoundCircuit:
    """Return the circuit of a model for some pairs: nodes that score enough, and edges between them.

    `nodes` are neurons, heads or channels (of the residual stream) of all layers, or autoencoders or their folders, one
    or a list, whose features are the nodes. `settings` are those of the steps score_nodes and find_circuit. Raises
    StudyError for an unknown one, for pairs and autoencoders that do not fit the model, and when no node scores enough.
    """
    basis = basis_of(model, nodes)
    computed = {"basis": nodes if isinstance(nodes, str) else "features", "sites": list(map(str, basis))}
    asked = _asked(FindInMemory, settings, "find_circuit", **computed)
    training = pairs_of(pairs)
    scored, weighed = (
        Bench.of(model, training, basis, count, asked.seed, asked.batch_tokens)
        for count in (asked.score_pairs, asked.edge_pairs)
    )
    scores = score_nodes(scored, asked)
    return FoundCircuit(choose_circuit(weighed, scores, asked), InMemory(model, training, basis, scores))


def load_circuit(folder: Path) -> FoundCircuit:
    """Read circuit.json of a folder, and evaluation.json and proof.json where they are."""
    facts = read_circuit(folder / "circuit.json")
    judged, proved = folder / "evaluation.json", folder / "proof.json"
    return FoundCircuit(
        facts,
        InResults(folder, facts),
        CircuitEvaluation.read(judged) if judged.exists() else None,
        CircuitProof.read(proved) if proved.exists() else None,
    )


def _scored(facts: ScoredCircuit | WeightCircuit) -> ScoredCircuit:
    if isinstance(facts, WeightCircuit):
        raise StudyError("nodes of a circuit of weights have no scores; all in `nodes` are needed")
    return facts


def _asked(kind: type[Asked], settings: Mapping[str, Any], where: str, **computed: Any) -> Asked:
    for key in computed:
        if key in settings:
            raise StudyError(f"{where}: unknown key `{key}`; the circuit's nodes say it")
    return validate(kind, {**settings, **computed}, where)


def _placed(node: NeededNode) -> CircuitNode:
    parsed = Node.parse(node.id)
    return CircuitNode(id=node.id, site=str(parsed.site), position=parsed.position, score=node.score)


def _same(path: Path, digest: str) -> None:
    if not path.exists():
        raise StudyError(f"{path}: missing; `snakemake` makes it, `make restore` brings it")
    if sha256(path) != digest:
        raise StudyError(f"{path}: not the one that the circuit was found with; run `snakemake` again")


def _found(saes: Path, site: str, digest: str, digest_of: Callable[[Path], str]) -> Path:
    # A transcoder lies in the folder of the site that it reads: all are looked at, those of the site written first.
    for file in sorted(saes.glob("*/*/sae_weights.safetensors"), key=lambda file: (file.parts[-3] != site, file)):
        if digest_of(file) == digest:
            return file.parent
    raise StudyError(f"{saes}: no autoencoder with the hash {digest[:12]} that circuit.json names for {site}")
