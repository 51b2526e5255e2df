"""Whether a study's parts fit each other: what one of them names, another must have."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparse_circuits.config.autoencoders import Pretrained
from sparse_circuits.config.catalogue import SIZES, known_size
from sparse_circuits.config.circuits import FeatureBasis
from sparse_circuits.config.edits import EditSettings, Erase, MeanAblate, OfCircuit, Rewrite, Select
from sparse_circuits.config.fit import misfit
from sparse_circuits.config.site import Site, parse_node
from sparse_circuits.tasks.agreement import Agreement
from sparse_circuits.tasks.classes import Classes
from sparse_circuits.tasks.cue import Cued
from sparse_circuits.tasks.file import FilePairs
from sparse_circuits.tasks.occupations import Occupations
from sparse_circuits.tasks.pronouns import Pronouns

if TYPE_CHECKING:
    from sparse_circuits.studies.study import Study

MOST_SHARDS = 100_000  # with more, Snakemake takes minutes to build the graph


def check(study: "Study") -> None:
    """Raise ValueError that says what does not fit, first of what other parts build on."""
    for part in (_sources, _sites, _activations, _autoencoders, _tasks, _circuits, _edits, _shift, _claims, _model):
        part(study)


def _sources(study: "Study") -> None:
    _known("corpus", study.corpus, study.datasets, study.datasets_file)
    _images(study)
    if not study.vision_transformer:
        _known("model", study.model, study.models, study.models_file)
        _sizes(study)
    if not study.corpus_entry.is_corpus:
        raise ValueError(f"`corpus: {study.corpus}` is no corpus but {study.corpus_entry.format}")


def _sizes(study: "Study") -> None:
    """What the catalogue says of a model's sizes against what its config.json says, where that is at hand."""
    for key in SIZES:
        said, found = getattr(study.model_entry, key), known_size(study.model_config_file, key)
        if None not in (said, found) and said != found:
            raise ValueError(f"{study.models_file}: {study.model}: {key} is {found} in its config.json, not {said}")


def _images(study: "Study") -> None:
    images, trained = study.corpus_entry.pictures, study.vision_transformer
    classes = None if trained else study.model_classes
    if (images is None) != (trained is None and classes is None):
        raise ValueError("a corpus of images needs `vision_transformer` or a model of images, and no other does")
    if images and classes and images.classes != classes:
        raise ValueError(f"`corpus: {study.corpus}` has other classes than the model {study.model}")
    if images and trained:
        height, width, _ = images.shape
        twins = {"twin.model": study.twin.model, "twin.dense": study.twin.dense} if study.twin else {}
        for key, network in {"vision_transformer": trained, **twins}.items():
            if network:
                network.check(key, height, width, images.classes)
        positions = 1 + height * width // trained.patch**2
        if study.activations.context != positions:
            raise ValueError(
                f"`activations.context`: an image has {positions} positions (register and patches), not "
                f"{study.activations.context}"
            )
    if study.twin:
        if not trained:
            raise ValueError("`twin` needs `vision_transformer`, beside which it stands")
        if study.twin.model.share == 1 or trained.share < 1:
            raise ValueError("`twin.model.share` must be below 1, and `vision_transformer` have all its weights")
        if study.twin.dense and study.twin.dense.share < 1:
            raise ValueError("`twin.dense.share` must be 1: it is the dense model beside the twin")
        for name in study.twin.tasks:
            _known("twin.tasks", name, study.tasks, "tasks")


def _sites(study: "Study") -> None:
    sites, layers = study.sites, study.transcoder_layers
    for site in sites:
        _within(f"site `{site}`", Site.parse(site).layer, study)
    if sorted(set(sites), key=lambda site: Site.parse(site).order) != sites:
        raise ValueError(f"`sites` must stand in the order of the computation without repeats, found {sites}")
    for layer in layers:
        _within("`transcoder_layers`", layer, study)
    if sorted(set(layers)) != layers:
        raise ValueError(f"`transcoder_layers` must ascend without repeats, found {layers}")


def _activations(study: "Study") -> None:
    settings, cache = study.activations, study.cache
    shards = cache.count
    if shards > MOST_SHARDS:
        enough = math.ceil(settings.shard_tokens * shards / MOST_SHARDS)
        raise ValueError(
            f"`activations.shard_tokens`: {settings.tokens:,} tokens make {shards:,} shards, a job and a file each, "
            f"of {MOST_SHARDS:,} at most; raise it to {enough:,}"
        )
    for name, place in study.places.items():
        if len(cache.groups_of(place.sites)) > 1:
            raise ValueError(
                f"`activations.sites_per_shard`: what {place.saes[0]} reads and writes at {name} must lie in the same "
                "shards; raise it"
            )
    for sae in study.trained.values():
        if (rows := cache.rows * sae.epochs) < sae.batch:
            raise ValueError(
                f"`activations.tokens`: {settings.tokens} tokens give {rows} rows in {sae.epochs} epochs, less than "
                f"one batch of {sae.batch}; raise it or lower `batch`"
            )
    if "discovery" in study.model_fields_set and study.discovery.context > settings.context:
        raise ValueError(
            f"`discovery.context`: {study.discovery.context}, and cached sequences have {settings.context} tokens "
            "(`activations.context`)"
        )


def _autoencoders(study: "Study") -> None:
    for name, sae in study.saes.items():
        if isinstance(sae, Pretrained) and (missing := [site for site in study.sites if site not in sae.sites]):
            raise ValueError(f"`saes.{name}` has no autoencoder for site `{missing[0]}`")
    for name, entry in study.trained.items():
        if entry.kind.endswith("transcoder") and not study.transcoder_layers:
            raise ValueError(f"`saes.{name}`: a {entry.kind} needs `transcoder_layers`")
        if (
            study.probing
            and study.sites
            and entry.kind == "autoencoder"
            and (most := max(study.probing.ks)) > entry.d_sae
        ):
            raise ValueError(f"`probing.ks`: {most} features a probe, and `saes.{name}` has {entry.d_sae}")
    if len({(sae.batch, sae.epochs) for sae in study.trained.values()}) > 1:
        raise ValueError("`saes`: autoencoders train in one pass over the cache and must share `batch` and `epochs`")
    if bool(study.saes) != bool(study.sites or study.transcoder_layers):
        raise ValueError("`saes` and `sites` (or `transcoder_layers`) go together; one of them is missing")


def _tasks(study: "Study") -> None:
    _known("headline_task", study.headline_task, study.tasks, "tasks")
    images, trained = study.corpus_entry.pictures, study.vision_transformer
    for name, task in study.tasks.items():
        if isinstance(task, FilePairs):
            for path in (task.train, task.test):
                if not Path(path).is_file():
                    raise ValueError(f"`tasks.{name}`: {path}: no such file")
        if isinstance(task, Cued) and not (trained and trained.cue):
            raise ValueError(f"`tasks.{name}`: a task of a cue needs `vision_transformer.cue`")
        if isinstance(task, Classes):
            if images is None:
                raise ValueError(f"`tasks.{name}`: a task of classes needs a corpus of images")
            for part in (task.of, task.against):
                if part is not None and part not in images.classes:
                    raise ValueError(
                        f"`tasks.{name}`: {study.corpus} has no class {part}; it has {', '.join(images.classes)}"
                    )
    if both := sorted(study.behaviours.keys() & study.tasks.keys()):
        raise ValueError(f"`behaviours.{both[0]}`: a task has this name too")
    for name, behaviour in study.behaviours.items():
        if isinstance(behaviour, Pronouns | Occupations):
            _of_format(f"behaviours.{name}.professions", behaviour.professions, "professions", study)


def _circuits(study: "Study") -> None:
    for name, basis in study.circuits.bases.items():
        if isinstance(basis, FeatureBasis):
            _known(f"circuits.{name}.sae", basis.sae, study.saes, "saes")
            kind = study.kind(basis.sae)
            if kind not in ("autoencoder", "transcoder", "skip_transcoder"):
                raise ValueError(f"`circuits.{name}.sae: {basis.sae}` is a {kind}; name an autoencoder or a transcoder")
        elif basis.layers:
            _within(f"`circuits.{name}.layers`", basis.layers[-1], study)
        elif study.num_layers is None:
            raise ValueError(
                f"`circuits.{name}.layers`: name them, or give `num_layers` of {study.model} in {study.models_file}"
            )
    for name, graph in study.graphs.items():
        _no_separator(f"graphs.{name}.prompt", graph.prompt, study)
        _known(f"graphs.{name}.basis", graph.basis, study.feature_bases, "the study's bases of features")
    features = study.circuits.features
    if features is None and (needing := [key for key in ("transfer", "shift", "claims") if getattr(study, key)]):
        raise ValueError(f"`{needing[0]}` works on features; `circuits.features` is missing")
    if study.interpretations and features is None and not study.corpus_entry.pictures:
        raise ValueError("`interpretations` of a text model describe features; `circuits.features` is missing")
    if study.transfer and not any(isinstance(task, Agreement) for task in study.tasks.values()):
        raise ValueError("`transfer` needs a task of kind agreement, whose nodes it judges")
    if study.transfer and features and features.by_position:
        raise ValueError("`transfer` needs features summed over positions; drop `circuits.features.by_position`")


def _model(study: "Study") -> None:
    if told := misfit(study.model, study.needs, study.model_config_file):
        raise ValueError(told)


def _edits(study: "Study") -> None:
    for name, edit in study.edits.items():
        for needed in edit.needs:
            _known(f"edits.{name}", needed, {**study.behaviours, **study.tasks}, "behaviours or tasks")
        if edit.statistics and not isinstance(study.behaviours.get(edit.statistics), Occupations):
            raise ValueError(f"`edits.{name}.statistics: {edit.statistics}` is no behaviour of kind occupations")
        _known(f"edits.{name}.basis", edit.basis, study.circuits.bases, "circuits")
        for prompt in edit.prompts:
            _no_separator(f"edits.{name}.prompts", prompt, study)
        for operation in edit.operations:
            if isinstance(operation, OfCircuit):
                _known(f"edits.{name}.operations.task", operation.task, study.tasks, "tasks")
            if isinstance(operation, Erase):
                for site in operation.sites:
                    _within(f"`edits.{name}.operations.sites`: {site}", Site.parse(site).layer, study)
        _edited_nodes(f"edits.{name}", edit, study)


def _edited_nodes(key: str, edit: EditSettings, study: "Study") -> None:
    """Check the nodes that an edit names against its basis, and what it rewrites against what can be rewritten."""
    basis, places = study.circuits.bases[edit.basis], study.basis_sites(edit.basis)
    sae = study.trained.get(basis.sae) if isinstance(basis, FeatureBasis) else None
    selects = any(isinstance(operation, Select) for operation in edit.operations)
    rewritten = list(places) if selects else []
    for operation in edit.operations:
        for node in operation.nodes if isinstance(operation, Rewrite | MeanAblate) else ():
            site, index, _ = parse_node(node)
            if str(site) not in places:
                raise ValueError(f"`{key}.operations`: {node}: {edit.basis} has sites {', '.join(places)}")
            if sae and index is not None and index >= sae.d_sae:
                raise ValueError(f"`{key}.operations`: {node}: there are {sae.d_sae} features, 0 to {sae.d_sae - 1}")
            rewritten += [str(site)] if isinstance(operation, Rewrite) else []
    for written in rewritten:
        if edit.basis == "heads" or places[written] not in (None, written):
            raise ValueError(
                f"`{key}.basis: {edit.basis}`: only features of autoencoders, neurons and channels can be rewritten"
            )
        if edit.permanent == "added_layer" and (places[written] is None or Site.parse(written).kind != "resid_post"):
            raise ValueError(
                f"`{key}.permanent: added_layer` keeps features of the residual stream alone, not {edit.basis} at "
                f"{written}; `distilled` keeps all"
            )


def _shift(study: "Study") -> None:
    if not study.shift:
        return
    _known("shift.basis", study.shift.basis, study.feature_bases, "the study's bases of features")
    _within(f"`shift.site: {study.shift.site}`", Site.parse(study.shift.site).layer, study)
    if study.shift.biographies:
        _of_format("shift.biographies", study.shift.biographies, "biographies", study)


def _claims(study: "Study") -> None:
    lasting = {name: edit for name, edit in study.edits.items() if edit.permanent}
    for name, claim in study.claim_entries.items():
        key = f"{study.claims}, claims.{name}"
        _known(key, claim.task, {**study.behaviours, **study.tasks}, "behaviours or tasks")
        if claim.edit:
            _known(f"{key}.edit", claim.edit, lasting, "edits with a permanent model")
        if claim.of_circuit:
            _known(f"{key}.circuit", claim.of_circuit, study.tasks, "tasks")


def _known(key: str, name: str, entries: Mapping[str, Any], where: str) -> None:
    if name not in entries:
        raise ValueError(f"`{key}: {name}` is not in {where}; it has {', '.join(entries)}")


def _no_separator(key: str, prompt: str, study: "Study") -> None:
    if not study.vision_transformer and (separator := study.model_entry.document_separator) in prompt:
        raise ValueError(f"`{key}` holds the document separator {separator!r}, which is put before each prompt")


def _within(what: str, layer: int, study: "Study") -> None:
    if (layers := study.num_layers) is not None and layer >= layers:
        raise ValueError(f"{what}: {study.model} has {layers} layers, 0 to {layers - 1}")


def _of_format(key: str, name: str, wanted: str, study: "Study") -> None:
    _known(key, name, study.datasets, study.datasets_file)
    if (found := study.datasets[name].format) != wanted:
        raise ValueError(f"`{key}: {name}` is of format {found}, not {wanted}")
