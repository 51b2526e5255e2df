"""What each rule of a study of autoencoders tells its step."""

from collections.abc import Callable, Iterator
from typing import Any

from sparse_circuits.config.autoencoders import SEPARATOR
from sparse_circuits.config.cache_activations import CacheActivations
from sparse_circuits.config.catalogue import Dataset
from sparse_circuits.config.compare_frontier import CompareFrontier
from sparse_circuits.config.discover_circuits import DiscoverCircuits
from sparse_circuits.config.discover_tokens import DiscoverTokens
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit
from sparse_circuits.config.evaluate_edit import EvaluateEdit
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.fetch_dataset import FetchDataset
from sparse_circuits.config.fetch_model import FetchModel
from sparse_circuits.config.fetch_sae import FetchSAE
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.config.interpret_channels import InterpretChannels
from sparse_circuits.config.interpret_nodes import InterpretNodes
from sparse_circuits.config.judge_claims import JudgeClaims
from sparse_circuits.config.judge_model import JudgeModel
from sparse_circuits.config.judge_transfer import JudgeTransfer
from sparse_circuits.config.keep_edit import KeepEdit
from sparse_circuits.config.label_nodes import LabelNodes
from sparse_circuits.config.make_counterfactuals import MakeCounterfactuals
from sparse_circuits.config.make_task import MakeTask
from sparse_circuits.config.mine_sentences import MineSentences
from sparse_circuits.config.minimise_circuit import MinimiseCircuit
from sparse_circuits.config.plan_cache import PlanCache
from sparse_circuits.config.plot_figure import PlotFigure
from sparse_circuits.config.probe_sae import ProbeSAE
from sparse_circuits.config.prove_circuit import ProveCircuit
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.config.run_shift import RunShift
from sparse_circuits.config.score_nodes import ScoreNodes, integrates
from sparse_circuits.config.select_features import SelectFeatures
from sparse_circuits.config.shift import Shift
from sparse_circuits.config.tokenize_corpus import TokenizeCorpus
from sparse_circuits.config.trace_prompt import TracePrompt
from sparse_circuits.config.train_sae import TrainSAE
from sparse_circuits.config.train_vision_transformer import TrainVisionTransformer
from sparse_circuits.config.write_biographies import WriteBiographies
from sparse_circuits.config.write_manifest import WriteManifest
from sparse_circuits.config.write_report import WriteReport
from sparse_circuits.plan.figures import figures_of
from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.settings import Computed, Told, Wildcards, value_at
from sparse_circuits.studies.study import Study
from sparse_circuits.tasks.registry import Behaviour, Task

STRETCHES = ("activations.context", "activations.tokens", "activations.shard_tokens")


def _cached_keys(study: Study, of: Wildcards) -> Iterator[str]:
    """What decides which sites are cached."""
    yield from ("sites", "transcoder_layers")
    yield from dict.fromkeys(f"saes.{name.split(SEPARATOR)[0]}.kind" for name in study.saes)


def _grouped_keys(study: Study, of: Wildcards) -> Iterator[str]:
    """What decides which of them a shard holds."""
    yield from _cached_keys(study, of)
    yield "activations.sites_per_shard"
    if study.activations.sites_per_shard:
        yield from STRETCHES


def _count_keys(study: Study, of: Wildcards) -> Iterator[str]:
    """What decides how many shards there are: of the sites only when they are divided."""
    yield from STRETCHES
    yield "activations.sites_per_shard"
    if study.activations.sites_per_shard:
        yield from _cached_keys(study, of)


def _shard(part: str) -> Computed:
    """What a shard holds: sites, or first or last sequence."""
    keys = _grouped_keys if part == "sites" else STRETCHES
    return Computed(lambda study, of: getattr(study.cache.shard(int(of["shard"])), part), keys)


def _trained(study: Study, of: Wildcards) -> dict[str, Any]:
    return {name: study.trained[name] for name in study.places[of["site"]].saes if name in study.trained}


def _trained_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield from dict.fromkeys(f"saes.{name.split(SEPARATOR)[0]}" for name in _trained(study, of))


def _needs_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield from ("activations.context", "transfer.longest", "shift.tokens")
    yield from (f"edits.{name}.permanent" for name in study.edits)


def _task(study: Study, of: Wildcards) -> Task | Behaviour:
    return {**study.tasks, **study.behaviours}[of["task"]]


def _task_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield f"{'tasks' if of['task'] in study.tasks else 'behaviours'}.{of['task']}"


def _sites(basis: Callable[[Study, Wildcards], str], *also: str) -> Computed:
    """The sites of a basis, in the order of the computation; `also` are keys that tell which basis."""

    def keys(study: Study, of: Wildcards) -> Iterator[str]:
        name = basis(study, of)
        yield from also
        if name in study.feature_bases:
            kind = study.kind(study.feature_bases[name].sae)
            yield from (f"circuits.{name}.sae", "sites" if kind == "autoencoder" else "transcoder_layers")
        else:
            yield f"circuits.{name}.layers"
            if not getattr(study.circuits.bases[name], "layers", None):
                yield _layers_key(study)

    return Computed(lambda study, of: list(study.basis_sites(basis(study, of))), keys)


def _layers_key(study: Study) -> str:
    """Where the number of the model's layers stands."""
    return "vision_transformer.layers" if study.vision_transformer else f"models:models.{study.model}"


def _place_keys(study: Study, of: Wildcards) -> Iterator[str]:
    """What all autoencoders side by side read or write; of others their name says it."""
    if key := {"crosscoder": "sites", "cross_layer": "transcoder_layers"}.get(of["site"]):
        yield key


def _shift(study: Study) -> Shift:
    assert study.shift is not None
    return study.shift


def _published(study: Study, of: Wildcards) -> Dataset | None:
    name = _shift(study).biographies
    return study.datasets[name] if name else None


def _published_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield "shift.biographies"
    if name := _shift(study).biographies:
        yield f"datasets:datasets.{name}"


def _vision_key(study: Study, of: Wildcards) -> str:
    return Paths(study).vision_transformers[of["model"]]


def _corpus_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield from ("corpus", f"datasets:datasets.{study.corpus}")


LICENCE = Computed(lambda study, of: study.corpus_entry.licence, _corpus_keys)
PLACE = {
    "reads": Computed(lambda study, of: study.places[of["site"]].reads, _place_keys),
    "writes": Computed(lambda study, of: study.places[of["site"]].other_writes, _place_keys),
}
BASIS = {"sites": _sites(lambda study, of: of["basis"])}
EDIT: dict[str, str | Computed] = {
    "edit": "edits.{edit}",
    "sites": _sites(lambda study, of: study.edits[of["edit"]].basis),
}
DISCOVERY = {
    "sites": Computed(
        lambda study, of: Paths(study).discovery_sites,
        lambda study, of: (
            "sites",
            "transcoder_layers",
            "circuits.features.sae",
            "discovery.begin",
            _layers_key(study),
        ),
    )
}
FEATURES = {"sites": _sites(lambda study, of: "features")}
OF_BASIS = ("", "circuits", "circuits.{basis}")
TRAINS = Told(TrainSAE, others={**PLACE, "saes": Computed(_trained, _trained_keys)})
VISION = Told(
    TrainVisionTransformer,
    others={
        "entry": Computed(
            lambda study, of: value_at(study, _vision_key(study, of)), lambda study, of: [_vision_key(study, of)]
        ),
        "licence": LICENCE,
    },
)

# An entry of a catalogue depends on a key of the catalogue's file, which is named before the colon.
FETCH_CORPUS = Told(
    FetchDataset,
    others={
        "name": "corpus",
        "entry": Computed(
            lambda study, of: study.corpus_entry, lambda study, of: [f"datasets:datasets.{study.corpus}"]
        ),
    },
)

TOLD = {
    "train_vision_transformer": VISION,
    "train_twin": VISION,
    "judge_model": Told(
        JudgeModel, others={"crops": Computed(lambda study, of: study.corpus_entry.photographs.crops, _corpus_keys)}
    ),
    "fetch_model": Told(
        FetchModel,
        others={
            "entry": Computed(lambda study, of: study.model_entry, lambda study, of: [f"models:models.{study.model}"])
        },
    ),
    "fetch_corpus": FETCH_CORPUS,
    "fetch_images": FETCH_CORPUS,
    "fetch_professions": Told(
        FetchDataset,
        others={
            "name": Computed(lambda study, of: of["professions"]),
            "entry": Computed(
                lambda study, of: study.datasets[of["professions"]], ("datasets:datasets.{professions}",)
            ),
        },
    ),
    "tokenize_corpus": Told(
        TokenizeCorpus,
        ("", "activations", "vision_transformer"),
        {
            "train": Computed(lambda study, of: study.cache.sequences, ("activations.context", "activations.tokens")),
            "held_out": Computed(
                lambda study, of: study.cache.held_out, ("activations.context", "activations.held_out_tokens")
            ),
        },
    ),
    "make_task": Told(
        MakeTask,
        others={
            "task": Computed(lambda study, of: _task(study, of).model_dump(mode="json"), _task_keys),
            "seed": Computed(
                lambda study, of: study.seed if _task(study, of).drawn else 0,
                lambda study, of: ["seed"] if _task(study, of).drawn else [],
            ),
            "cue": Computed(
                lambda study, of: study.vision_transformer.cue if _task(study, of).kind == "cue" else None,
                lambda study, of: ["vision_transformer.cue"] if _task(study, of).kind == "cue" else [],
            ),
        },
    ),
    "plan_cache": Told(
        PlanCache,
        ("", "activations"),
        {
            "sites": Computed(lambda study, of: study.cached_sites, _cached_keys),
            "rows": Computed(lambda study, of: study.cache.rows, ("activations.context", "activations.tokens")),
            "needs": Computed(lambda study, of: study.needs, _needs_keys),
        },
    ),
    "cache_activations": Told(
        CacheActivations, ("", "activations"), {part: _shard(part) for part in ("sites", "begin", "end")}
    ),
    "write_manifest": Told(
        WriteManifest, others={"shards": Computed(lambda study, of: study.cache.count, _count_keys)}
    ),
    "train_sae": TRAINS,
    "train_transcoder": TRAINS,
    "train_crosscoder": TRAINS,
    "train_cross_layer": TRAINS,
    "fetch_sae": Told(
        FetchSAE, others={"entry": Computed(lambda study, of: study.saes[of["sae"]].sites[of["site"]], ("saes.{sae}",))}
    ),
    "evaluate_sae": Told(EvaluateSAE, others={**PLACE, "name": Computed(lambda study, of: of["site"])}),
    "probe_sae": Told(ProbeSAE, ("", "probing")),
    "score_nodes": Told(ScoreNodes, OF_BASIS, BASIS),
    "score_by_method": Told(
        ScoreNodes,
        OF_BASIS,
        {
            **BASIS,
            "method": Computed(lambda study, of: of["method"]),
            "steps": Computed(
                lambda study, of: study.circuits.bases[of["basis"]].steps if integrates(of["method"]) else None,
                ("circuits.{basis}.steps",),
            ),
        },
    ),
    "find_circuit": Told(FindCircuit, OF_BASIS, BASIS),
    "prove_circuit": Told(ProveCircuit, OF_BASIS, BASIS),
    "evaluate_circuit": Told(EvaluateCircuit, OF_BASIS, BASIS),
    "minimise_circuit": Told(MinimiseCircuit, (*OF_BASIS, "circuits.minimal"), BASIS),
    "trace_prompt": Told(
        TracePrompt,
        ("", "graphs.{graph}"),
        {
            "name": Computed(lambda study, of: of["graph"]),
            "sites": _sites(lambda study, of: study.graphs[of["graph"]].basis, "graphs.{graph}.basis"),
        },
    ),
    "discover_tokens": Told(DiscoverTokens, ("", "discovery"), DISCOVERY),
    "discover_circuits": Told(DiscoverCircuits, ("", "discovery"), DISCOVERY),
    "select_features": Told(SelectFeatures, others=EDIT),
    "keep_edit": Told(
        KeepEdit, others={**EDIT, "name": Computed(lambda study, of: f"{study.model}-{of['edit']}", ("model",))}
    ),
    "evaluate_edit": Told(EvaluateEdit, ("", "vision_transformer"), EDIT),
    "judge_claims": Told(JudgeClaims, ("", "circuits"), {"sites": _sites(lambda study, of: "features")}),
    "write_biographies": Told(WriteBiographies, ("", "shift"), {"entry": Computed(_published, _published_keys)}),
    "run_shift": Told(RunShift, ("", "shift"), {"sites": _sites(lambda study, of: _shift(study).basis, "shift.basis")}),
    "make_counterfactuals": Told(MakeCounterfactuals),
    "prune_task": Told(PruneTask, ("", "twin.pruning")),
    "compare_frontier": Told(
        CompareFrontier,
        others={
            "sparse": Computed(lambda study, of: Paths(study).sparse, ("model",)),
            "dense": Computed(lambda study, of: Paths(study).dense, ("model",)),
        },
    ),
    "interpret_channels": Told(
        InterpretChannels, ("", "interpretations"), {"sites": _sites(lambda study, of: Paths(study).described_basis)}
    ),
    "interpret_nodes": Told(InterpretNodes, ("", "circuits", "interpretations")),
    "label_nodes": Told(LabelNodes, ("interpretations.labels",)),
    "mine_sentences": Told(MineSentences, ("", "transfer")),
    "score_sentences": Told(
        ScoreNodes,
        others={**FEATURES, "method": Computed(lambda study, of: "relp"), "batch_tokens": "circuits.batch_tokens"},
    ),
    "judge_transfer": Told(JudgeTransfer, ("", "transfer", "circuits"), FEATURES),
    "plot_figure": Told(
        PlotFigure, others={"kind": Computed(lambda study, of: figures_of(Paths(study))[of["figure"]].kind)}
    ),
    "write_report": Told(WriteReport),
}
