"""What each rule of a study of autoencoders tells its step."""

from collections.abc import Iterator
from typing import Any

from sparse_circuits.config.autoencoders import SEPARATOR
from sparse_circuits.config.cache_activations import CacheActivations
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.fetch_dataset import FetchDataset
from sparse_circuits.config.fetch_model import FetchModel
from sparse_circuits.config.fetch_sae import FetchSAE
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.config.interpret_nodes import InterpretNodes
from sparse_circuits.config.judge_transfer import JudgeTransfer
from sparse_circuits.config.label_nodes import LabelNodes
from sparse_circuits.config.mine_sentences import MineSentences
from sparse_circuits.config.minimise_circuit import MinimiseCircuit
from sparse_circuits.config.plan_cache import PlanCache
from sparse_circuits.config.plot_figure import PlotFigure
from sparse_circuits.config.probe_sae import ProbeSAE
from sparse_circuits.config.prove_circuit import ProveCircuit
from sparse_circuits.config.score_nodes import ScoreNodes, integrates
from sparse_circuits.config.study import Study
from sparse_circuits.config.tokenize_corpus import TokenizeCorpus
from sparse_circuits.config.train_sae import TrainSAE
from sparse_circuits.config.write_manifest import WriteManifest
from sparse_circuits.config.write_report import WriteReport
from sparse_circuits.plan.cache import CacheLayout
from sparse_circuits.plan.figures import figures_of
from sparse_circuits.plan.paths import Paths
from sparse_circuits.plan.settings import Computed, Told, Wildcards

CACHED = ("sites", "transcoder_layers", "saes", "activations.sites_per_shard")  # what decides which sites a shard holds


def _shard(part: str) -> Computed:
    """What a shard holds: sites, or first or last sequence."""
    keys = CACHED if part == "sites" else ("activations.context", "activations.tokens", "activations.shard_tokens")
    return Computed(lambda study, of: getattr(CacheLayout.of(study).shard(int(of["shard"])), part), keys)


def _trained(study: Study, of: Wildcards) -> dict[str, Any]:
    return {name: study.trained[name] for name in study.places[of["site"]].saes if name in study.trained}


def _trained_keys(study: Study, of: Wildcards) -> Iterator[str]:
    yield from dict.fromkeys(f"saes.{name.split(SEPARATOR)[0]}" for name in _trained(study, of))


PLACE = {
    "reads": Computed(lambda study, of: study.places[of["site"]].reads),
    "writes": Computed(lambda study, of: study.places[of["site"]].other_writes),
}
BASIS = {
    "sites": Computed(
        lambda study, of: list(study.basis_sites(of["basis"])),
        ("sites", "transcoder_layers", "circuits.{basis}.layers", "circuits.{basis}.sae"),
    )
}
FEATURES = {
    "sites": Computed(
        lambda study, of: list(study.basis_sites("features")), ("sites", "transcoder_layers", "circuits.features.sae")
    )
}
OF_BASIS = ("", "circuits", "circuits.{basis}")
TRAINS = Told(TrainSAE, others={**PLACE, "saes": Computed(_trained, _trained_keys)})

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
            "train": Computed(
                lambda study, of: CacheLayout.of(study).sequences, ("activations.context", "activations.tokens")
            ),
            "held_out": Computed(
                lambda study, of: CacheLayout.of(study).held_out, ("activations.context", "activations.held_out_tokens")
            ),
        },
    ),
    "plan_cache": Told(
        PlanCache,
        ("", "activations"),
        {
            "sites": Computed(lambda study, of: study.cached_sites, CACHED[:3]),
            "rows": Computed(
                lambda study, of: CacheLayout.of(study).sequences * (study.activations.context - 1),
                ("activations.context", "activations.tokens"),
            ),
            "needs": Computed(
                lambda study, of: study.needs, ("activations.context", "transfer.longest", "shift.tokens", "edits")
            ),
        },
    ),
    "cache_activations": Told(
        CacheActivations, ("", "activations"), {part: _shard(part) for part in ("sites", "begin", "end")}
    ),
    "write_manifest": Told(
        WriteManifest,
        others={
            "shards": Computed(
                lambda study, of: CacheLayout.of(study).count,
                (*CACHED, "activations.context", "activations.tokens", "activations.shard_tokens"),
            )
        },
    ),
    "train_sae": TRAINS,
    "train_transcoder": TRAINS,
    "train_crosscoder": TRAINS,
    "train_cross_layer": TRAINS,
    "fetch_sae": Told(FetchSAE, others={"entry": "saes.{sae}.sites.{site}"}),
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
    "interpret_nodes": Told(
        InterpretNodes,
        ("", "circuits", "interpretations"),
        {
            "shard_sequences": Computed(
                lambda study, of: CacheLayout.of(study).a_shard, ("activations.context", "activations.shard_tokens")
            )
        },
    ),
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
