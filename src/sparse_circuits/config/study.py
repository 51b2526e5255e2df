"""A study: one model, one corpus, its sparse autoencoders, the behaviours examined and how their circuits are found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sparse_circuits.config.autoencoders import SAE, Pretrained, Share, SiteName, Trained, spread
from sparse_circuits.config.base import Name, Positive, Settings, validate
from sparse_circuits.config.catalogue import Dataset, Model, load_datasets, load_models
from sparse_circuits.config.circuits import COORDINATES, Circuits, FeatureBasis
from sparse_circuits.config.claims import Claim, Claims
from sparse_circuits.config.discovery import Discovery
from sparse_circuits.config.edits import Behaviour, EditSettings, Occupations, OfCircuit, Pronouns
from sparse_circuits.config.interpretations import Interpretations
from sparse_circuits.config.load import read_yaml
from sparse_circuits.config.shift import Shift
from sparse_circuits.config.site import Site
from sparse_circuits.config.weight_sparse import Twin, VisionTransformer


class Activations(Settings):
    """What is cached for training."""

    tokens: Positive = Field(description="tokens run through the model for training")
    held_out_tokens: Positive = Field(4096, description="tokens of further documents, kept for evaluation")
    context: Annotated[int, Field(ge=2)] = Field(128, description="tokens a sequence, document separator included")
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    compression: Literal["none", "zstd"] = Field("none", description="zstd: smaller shards, written more slowly")
    shard_tokens: Positive = Field(65_536, description="tokens a shard; a shard is one job and one file")
    sites_per_shard: Positive | None = Field(None, description="neighbouring sites a shard; all of them when not given")
    share: bool = Field(True, description="keep shards in DVC's cache and remote, or only their hashes")


class AgreementTask(Settings):
    """Subject-verb agreement pairs made from the word lists of the library."""

    kind: Literal["agreement"]
    template: Literal["simple", "nounpp", "rc", "within_rc"]
    train: Positive = Field(100, description="pairs to find circuits on")
    test: Positive = Field(100, description="pairs to judge circuits on")


class FileTask(Settings):
    """Pairs that the user brings, as JSON lines (fields as in docs/tasks.md)."""

    kind: Literal["file"]
    train: str = Field(description="path of the training pairs")
    test: str = Field(description="path of the test pairs")


class ClassesTask(Settings):
    """Pairs of images: one class against another, or against all the rest."""

    kind: Literal["classes"]
    of: str = Field(description="name of the class that is recognised")
    against: str | None = Field(None, description="name of the other class; all the rest when not given")
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


class CueTask(Settings):
    """Pairs of an image with the spurious cue that the study's model was trained with, and without it."""

    kind: Literal["cue"]
    train: Positive = Field(100, description="pairs of training images to find circuits on")
    test: Positive = Field(100, description="pairs of test images to judge circuits on")


Task = Annotated[AgreementTask | FileTask | ClassesTask | CueTask, Field(discriminator="kind")]


class Probing(Settings):
    """What is asked of the features of every autoencoder: what a few of them tell, and what a letter's leave out."""

    ks: Annotated[list[Positive], Field(min_length=1)] = Field([1, 2, 5], description="features a probe")
    words_a_letter: Annotated[int, Field(ge=10)] = Field(100, description="words a first letter, for absorption")


class Transfer(Settings):
    """Natural sentences of the corpus, on which the nodes found on agreement templates are judged."""

    sentences: Annotated[int, Field(ge=4)] = Field(200, description="sentences to fit on, and as many to judge by")
    shortest: Positive = Field(4, description="fewest tokens of a prefix")
    longest: Positive = Field(16, description="most tokens of a prefix")
    nodes: Positive = Field(100, description="nodes that are judged")
    random_circuits: Positive = Field(5, description="matched random circuits beside them")

    @model_validator(mode="after")
    def _range(self) -> "Transfer":
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` is {self.shortest} and `longest` {self.longest}")
        return self


class Graph(Settings):
    """The attribution graph of one prompt's next token."""

    prompt: Annotated[str, Field(min_length=1)] = Field(description="text whose next token is traced")
    basis: Name = Field("features", description="which of the study's bases of features gives the nodes")
    logit_mass: Share = Field(0.95, description="trace the likeliest tokens that together have this probability")
    max_logits: Positive = Field(10, description="but at most so many")
    max_nodes: Positive = Field(5000, description="features that get a row, by falling influence")
    node_share: Share = Field(0.8, description="keep the nodes that make up this share of all influence")
    edge_share: Share = Field(0.98, description="keep the edges that make up this share of all influence")

    @property
    def flags(self) -> list[str]:
        """All but prompt and basis, as words of a command line."""
        settings = self.model_dump(exclude={"prompt", "basis"})
        return [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]


@dataclass(frozen=True)
class Place:
    """Which sites some of a study's autoencoders read and write; what is trained of them trains in one pass."""

    reads: list[str]
    writes: list[str]
    saes: list[str]


class Study(Settings):
    """All settings of one study."""

    study: Name
    seed: Annotated[int, Field(ge=0)] = 0
    models_file: str = "config/models.yaml"
    datasets_file: str = "config/datasets.yaml"
    model: Name
    vision_transformer: VisionTransformer | None = Field(
        None, description="how the model is trained, on images, when it is not fetched"
    )
    twin: Twin | None = Field(None, description="a weight-sparse twin of `vision_transformer`")
    corpus: Name
    sites: list[SiteName] = Field([], description="sites with an autoencoder")
    transcoder_layers: list[Annotated[int, Field(ge=0)]] = Field([], description="layers whose MLPs are transcoded")
    activations: Activations = Field(
        Activations.model_validate({"tokens": 100_000}), description="what is cached; nothing is without autoencoders"
    )
    saes: dict[Name, SAE] = Field({}, description="autoencoders and transcoders; none: circuits of coordinates alone")
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    headline_task: Name = Field(description="the task whose numbers stand first in the report")
    circuits: Circuits
    probing: Probing | None = None
    interpretations: Interpretations | None = None
    transfer: Transfer | None = None
    discovery: Discovery = Discovery.model_validate({})
    graphs: dict[Name, Graph] = Field({}, description="prompts whose next token is traced, by name")
    behaviours: dict[Name, Behaviour] = Field(
        {}, description="what edits change or keep; no circuits are found of these"
    )
    edits: dict[Name, EditSettings] = Field({}, description="changes of the model, by name")
    shift: Shift | None = Field(None, description="a classifier that learnt gender for profession, and its repair")
    claims: str | None = Field(None, description="file of claims that are tested on the model")

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("saes"), dict):
            return {**data, "saes": spread(data["saes"])}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        _known("corpus", self.corpus, load_datasets(Path(self.datasets_file)), self.datasets_file)
        self._check_images()
        if not self.vision_transformer:
            _known("model", self.model, load_models(Path(self.models_file)), self.models_file)
        if not self.corpus_entry.is_corpus:
            raise ValueError(f"`corpus: {self.corpus}` is no corpus but {self.corpus_entry.format}")
        for basis, settings in self.circuits.bases.items():
            if isinstance(settings, FeatureBasis):
                self._check_features(f"circuits.{basis}.sae", settings.sae)
            elif settings.layers and settings.layers[-1] >= self.num_layers:
                raise ValueError(
                    f"`circuits.{basis}.layers`: {self.model} has {self.num_layers} layers, 0 to {self.num_layers - 1}"
                )
        of_features = {name: b for name, b in self.circuits.bases.items() if isinstance(b, FeatureBasis)}
        for name, graph in self.graphs.items():
            _known(f"graphs.{name}.basis", graph.basis, of_features, "the study's bases of features")
        _known("headline_task", self.headline_task, self.tasks, "tasks")
        layers = self.num_layers
        for layer in self.transcoder_layers:
            if layer >= layers:
                raise ValueError(f"`transcoder_layers`: {self.model} has {layers} layers, 0 to {layers - 1}")
        if sorted(set(self.transcoder_layers)) != self.transcoder_layers:
            raise ValueError(f"`transcoder_layers` must ascend without repeats, found {self.transcoder_layers}")
        for site in self.sites:
            if Site.parse(site).layer >= layers:
                raise ValueError(f"site `{site}`: {self.model} has {layers} layers, 0 to {layers - 1}")
        if sorted(self.sites, key=lambda s: Site.parse(s).order) != self.sites or len(set(self.sites)) < len(
            self.sites
        ):
            raise ValueError(f"`sites` must stand in the order of the computation without repeats, found {self.sites}")
        for name, sae in self.saes.items():
            if isinstance(sae, Pretrained) and (missing := [s for s in self.sites if s not in sae.sites]):
                raise ValueError(f"`saes.{name}` has no autoencoder for site `{missing[0]}`")
        for name, entry in self.trained.items():
            if entry.kind.endswith("transcoder") and not self.transcoder_layers:
                raise ValueError(f"`saes.{name}`: a {entry.kind} needs `transcoder_layers`")
        if len({(sae.batch, sae.epochs) for sae in self.trained.values()}) > 1:
            raise ValueError(
                "`saes`: autoencoders train in one pass over the cache and must share `batch` and `epochs`"
            )
        if self.transfer and not any(isinstance(task, AgreementTask) for task in self.tasks.values()):
            raise ValueError("`transfer` needs a task of kind agreement, whose nodes it judges")
        if bool(self.saes) != bool(self.sites or self.transcoder_layers):
            raise ValueError("`saes` and `sites` (or `transcoder_layers`) go together; one of them is missing")
        features = self.circuits.features
        if features is None and (needing := [key for key in ("transfer", "shift", "claims") if getattr(self, key)]):
            raise ValueError(f"`{needing[0]}` works on features; `circuits.features` is missing")
        if self.interpretations and features is None and not self.corpus_entry.pictures:
            raise ValueError("`interpretations` of a text model describe features; `circuits.features` is missing")
        if self.transfer and features and features.by_position:
            raise ValueError("`transfer` needs features summed over positions; drop `circuits.features.by_position`")
        for name, task in self.tasks.items():
            for path in (task.train, task.test) if isinstance(task, FileTask) else ():
                if not Path(path).is_file():
                    raise ValueError(f"`tasks.{name}`: {path}: no such file")
        return self

    @model_validator(mode="after")
    def _edits(self) -> "Study":
        if both := sorted(self.behaviours.keys() & self.tasks.keys()):
            raise ValueError(f"`behaviours.{both[0]}`: a task has this name too")
        for name, behaviour in self.behaviours.items():
            if isinstance(behaviour, Pronouns | Occupations):
                self._check_format(f"behaviours.{name}.professions", behaviour.professions, "professions")
        for name, edit in self.edits.items():
            for needed in edit.needs:
                _known(f"edits.{name}", needed, {**self.behaviours, **self.tasks}, "behaviours or tasks")
            if edit.statistics and not isinstance(self.behaviours.get(edit.statistics), Occupations):
                raise ValueError(f"`edits.{name}.statistics: {edit.statistics}` is no behaviour of kind occupations")
            _known(f"edits.{name}.basis", edit.basis, self.circuits.bases, "circuits")
            for operation in edit.operations:
                if isinstance(operation, OfCircuit):
                    _known(f"edits.{name}.operations.task", operation.task, self.tasks, "tasks")
        if self.shift:
            of_features = {name: b for name, b in self.circuits.bases.items() if isinstance(b, FeatureBasis)}
            _known("shift.basis", self.shift.basis, of_features, "the study's bases of features")
            if Site.parse(self.shift.site).layer >= self.num_layers:
                raise ValueError(f"`shift.site: {self.shift.site}`: {self.model} has {self.num_layers} layers")
            if self.shift.biographies:
                self._check_format("shift.biographies", self.shift.biographies, "biographies")
        for name, claim in self.claim_entries.items():
            _known(
                f"{self.claims}, claims.{name}", claim.task, {**self.behaviours, **self.tasks}, "behaviours or tasks"
            )
            if claim.edit:
                lasting = {edit: entry for edit, entry in self.edits.items() if entry.permanent}
                _known(f"{self.claims}, claims.{name}.edit", claim.edit, lasting, "edits with a permanent model")
            if claim.of_circuit:
                _known(f"{self.claims}, claims.{name}.circuit", claim.of_circuit, self.tasks, "tasks")
        return self

    def _check_images(self) -> None:
        images, trained = self.corpus_entry.pictures, self.vision_transformer
        classes = None if trained else self.model_classes
        if (images is None) != (trained is None and classes is None):
            raise ValueError("a corpus of images needs `vision_transformer` or a model of images, and no other does")
        if images and classes and images.classes != classes:
            raise ValueError(f"`corpus: {self.corpus}` has other classes than the model {self.model}")
        if images and trained:
            height, width, _ = images.shape
            twins = {"twin.model": self.twin.model, "twin.dense": self.twin.dense} if self.twin else {}
            for key, network in {"vision_transformer": trained, **twins}.items():
                if network:
                    network.check(key, height, width, images.classes)
            positions = 1 + height * width // trained.patch**2
            if self.twin and (self.twin.model.share == 1 or trained.share < 1):
                raise ValueError("`twin.model.share` must be below 1, and `vision_transformer` have all its weights")
            if self.twin and self.twin.dense and self.twin.dense.share < 1:
                raise ValueError("`twin.dense.share` must be 1: it is the dense model beside the twin")
            if self.activations.context != positions:
                raise ValueError(
                    f"`activations.context`: an image has {positions} positions (register and patches), not "
                    f"{self.activations.context}"
                )
        if self.twin:
            if not trained:
                raise ValueError("`twin` needs `vision_transformer`, beside which it stands")
            for name in self.twin.tasks:
                _known("twin.tasks", name, self.tasks, "tasks")
        cue = trained.cue if trained else None
        for name, task in self.tasks.items():
            if isinstance(task, CueTask) and not cue:
                raise ValueError(f"`tasks.{name}`: a task of a cue needs `vision_transformer.cue`")
            if isinstance(task, ClassesTask):
                if images is None:
                    raise ValueError(f"`tasks.{name}`: a task of classes needs a corpus of images")
                for part in (task.of, task.against):
                    if part is not None and part not in images.classes:
                        raise ValueError(
                            f"`tasks.{name}`: {self.corpus} has no class {part}; it has {', '.join(images.classes)}"
                        )

    def _check_format(self, key: str, name: str, wanted: str) -> None:
        _known(key, name, self.datasets, self.datasets_file)
        if (found := self.datasets[name].format) != wanted:
            raise ValueError(f"`{key}: {name}` is of format {found}, not {wanted}")

    def _check_features(self, key: str, sae: str) -> None:
        _known(key, sae, self.saes, "saes")
        kind = self.kind(sae)
        if kind not in ("autoencoder", "transcoder", "skip_transcoder"):
            raise ValueError(f"`{key}: {sae}` is a {kind}; name an autoencoder or a transcoder")

    def kind(self, sae: str) -> str:
        """Return what an entry of `saes` is: an autoencoder, a transcoder, ..."""
        entry = self.saes[sae]
        return entry.kind if isinstance(entry, Trained) else "autoencoder"

    def basis_sites(self, basis: str) -> dict[str, str | None]:
        """Return the sites that a basis' nodes write, in order, with the place where each one's autoencoder lies.

        A basis that the study does not have has none.
        """
        if basis not in self.circuits.bases:
            return {}
        settings = self.circuits.bases[basis]
        if not isinstance(settings, FeatureBasis):
            return {f"{COORDINATES[basis]}.{layer}": None for layer in settings.layers or range(self.num_layers)}
        if self.kind(settings.sae) == "autoencoder":
            return {site: site for site in self.sites}
        return {f"mlp_out.{layer}": f"mlp.{layer}" for layer in self.transcoder_layers}

    @property
    def trained(self) -> dict[str, Trained]:
        """The autoencoders that are trained here, by name."""
        return {name: sae for name, sae in self.saes.items() if isinstance(sae, Trained)}

    @property
    def places(self) -> dict[str, Place]:
        """What autoencoders and transcoders read and write, by the folder that they lie in."""
        of_kind: dict[str, list[str]] = {}
        for name in self.saes:
            of_kind.setdefault(self.kind(name), []).append(name)
        transcoders = of_kind.get("transcoder", []) + of_kind.get("skip_transcoder", [])
        ins, outs = ([f"{kind}.{layer}" for layer in self.transcoder_layers] for kind in ("mlp_in", "mlp_out"))
        found = {site: Place([site], [site], of_kind.get("autoencoder", [])) for site in self.sites}
        for layer, read, written in zip(self.transcoder_layers, ins, outs, strict=True):
            found[f"mlp.{layer}"] = Place([read], [written], transcoders)
        found["crosscoder"] = Place(self.sites, self.sites, of_kind.get("crosscoder", []))
        found["cross_layer"] = Place(ins, outs, of_kind.get("cross_layer_transcoder", []))
        return {name: place for name, place in found.items() if place.saes}

    @property
    def other_seeds(self) -> dict[str, list[str]]:
        """For each autoencoder that is trained from several seeds, those that differ from it in the seed alone."""
        # Decoders of cross-layer transcoders, one a layer, are not compared.
        alike = {
            name: sae.model_dump(exclude={"seed"})
            for name, sae in self.trained.items()
            if sae.kind != "cross_layer_transcoder"
        }
        found = {name: [o for o in alike if o != name and alike[o] == settings] for name, settings in alike.items()}
        return {name: others for name, others in found.items() if others}

    @property
    def cached_sites(self) -> list[str]:
        """All sites that are read or written, in the order of the computation."""
        found = {site for place in self.places.values() for site in place.reads + place.writes} | set(self.sites)
        return sorted(found, key=lambda site: Site.parse(site).order)

    @property
    def num_layers(self) -> int:
        """The layers of the study's model."""
        return self.vision_transformer.layers if self.vision_transformer else self.model_entry.num_layers

    @property
    def model_classes(self) -> list[str] | None:
        """The classes of a fetched model of images; None of a model of text, and of a name that is not known."""
        entry = load_models(Path(self.models_file)).get(self.model)
        return entry.classes if entry else None

    @property
    def model_entry(self) -> Model:
        """The catalogue's entry of the study's model."""
        return load_models(Path(self.models_file))[self.model]

    @property
    def claim_entries(self) -> dict[str, Claim]:
        """The claims that are tested, by name."""
        return dict(validate(Claims, read_yaml(Path(self.claims)), self.claims).claims) if self.claims else {}

    @property
    def datasets(self) -> dict[str, Dataset]:
        """The catalogue of datasets."""
        return load_datasets(Path(self.datasets_file))

    @property
    def corpus_entry(self) -> Dataset:
        """The catalogue's entry of the study's corpus."""
        return load_datasets(Path(self.datasets_file))[self.corpus]


def _known(key: str, name: str, entries: dict[str, Any], where: str) -> None:
    if name not in entries:
        raise ValueError(f"`{key}: {name}` is not in {where}; it has {', '.join(entries)}")
