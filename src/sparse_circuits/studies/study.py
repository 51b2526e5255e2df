"""A study: one model, one corpus, its sparse autoencoders, the behaviours examined and how their circuits are found."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from sparse_circuits.config.activations import Activations
from sparse_circuits.config.autoencoders import SAE, Trained, spread
from sparse_circuits.config.base import Name, Seed, Settings, SiteName, validate
from sparse_circuits.config.catalogue import Dataset, ModelEntry, load_datasets, load_models
from sparse_circuits.config.circuits import COORDINATES, Circuits, FeatureBasis
from sparse_circuits.config.claims import Claim, Claims
from sparse_circuits.config.discovery import Discovery
from sparse_circuits.config.edits import EditSettings
from sparse_circuits.config.fit import Needs
from sparse_circuits.config.graphs import Graph
from sparse_circuits.config.interpretations import Interpretations
from sparse_circuits.config.probe_sae import Probing
from sparse_circuits.config.shift import Shift
from sparse_circuits.config.site import Site
from sparse_circuits.config.train_vision_transformer import VisionTransformerEntry
from sparse_circuits.config.transfer import Transfer
from sparse_circuits.config.twin import Twin
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.studies.cache import CacheLayout
from sparse_circuits.studies.consistency import check
from sparse_circuits.tasks.registry import Behaviour, Task


@dataclass(frozen=True)
class Place:
    """Which sites some of a study's autoencoders read and write; what is trained of them trains in one pass."""

    reads: list[str]
    writes: list[str]
    saes: list[str]

    @property
    def sites(self) -> list[str]:
        """All of these sites."""
        return self.reads + self.writes

    @property
    def other_writes(self) -> list[str]:
        """The sites that are written, where they are not those that are read."""
        return self.writes if self.writes != self.reads else []


class Study(Settings):
    """All settings of one study."""

    study: Name = Field(description="name of the study; circuits, figures and report are in folders of this name")
    seed: Seed = Field(
        0, description="of all that is drawn: order of documents and rows, weights, pairs, random circuits"
    )
    models_file: str = Field("config/models.yaml", description="the catalogue of models")
    datasets_file: str = Field("config/datasets.yaml", description="the catalogue of corpora and other data")
    model: Name = Field(description="a name from `models_file`, or of the model that `vision_transformer` trains")
    vision_transformer: VisionTransformerEntry | None = Field(
        None, description="how a model of images is trained here, when it is not fetched"
    )
    twin: Twin | None = Field(None, description="a weight-sparse twin of `vision_transformer`")
    corpus: Name = Field(description="a name from `datasets_file`")
    sites: list[SiteName] = Field([], description="sites with an autoencoder, in the order of the computation")
    transcoder_layers: list[Annotated[int, Field(ge=0)]] = Field(
        [], description="layers whose MLPs transcoders stand for, ascending"
    )
    activations: Activations = Field(
        Activations.model_validate({"tokens": 100_000}), description="what is cached; nothing is without autoencoders"
    )
    saes: dict[Name, SAE] = Field({}, description="autoencoders and transcoders; none: circuits of coordinates alone")
    tasks: Annotated[dict[Name, Task], Field(min_length=1)] = Field(
        description="behaviours that circuits are found for, by name"
    )
    headline_task: Name = Field(description="the task whose numbers come first in the report")
    circuits: Circuits
    probing: Probing | None = None
    interpretations: Interpretations | None = None
    transfer: Transfer | None = None
    discovery: Discovery = Discovery.model_validate({})
    graphs: dict[Name, Graph] = Field({}, description="prompts whose next token is traced, by name")
    behaviours: dict[Name, Behaviour] = Field(
        {}, description="pairs that edits change or keep, and that no circuits are found for"
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
        check(self)
        return self

    @property
    def feature_bases(self) -> dict[str, FeatureBasis]:
        """The bases of circuits whose nodes are features, by name."""
        return {name: basis for name, basis in self.circuits.bases.items() if isinstance(basis, FeatureBasis)}

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
            return {f"{COORDINATES[basis]}.{layer}": None for layer in settings.layers or range(self.num_layers or 0)}
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
        found = {site for place in self.places.values() for site in place.sites} | set(self.sites)
        return sorted(found, key=lambda site: Site.parse(site).order)

    @cached_property
    def cache(self) -> CacheLayout:
        """How the activation cache is divided into shards."""
        return CacheLayout(self.activations, self.cached_sites)

    @property
    def num_layers(self) -> int | None:
        """The layers of the study's model; None where only the model itself says so, which is not fetched yet."""
        return self.vision_transformer.layers if self.vision_transformer else self.model_entry.size("num_layers")

    @property
    def needs(self) -> Needs:
        """What the model must be able to do."""
        contexts = {"activations.context": self.activations.context}
        contexts |= {"transfer.longest": self.transfer.longest} if self.transfer else {}
        contexts |= {"shift.tokens": self.shift.tokens} if self.shift else {}
        added = [f"edits.{name}.permanent" for name, edit in self.edits.items() if edit.permanent == "added_layer"]
        return Needs(contexts=contexts, added_layer=added)

    @property
    def model_config_file(self) -> dict[str, Any]:
        """The config.json of the model, as far as it is known before the model is fetched."""
        return {"model_type": "small_vit"} if self.vision_transformer else self.model_entry.known_config

    @property
    def model_classes(self) -> list[str] | None:
        """The classes of a fetched model of images; None of a model of text, and of a name that is not known."""
        entry = self.models.get(self.model)
        return entry.classes if entry else None

    @property
    def model_entry(self) -> ModelEntry:
        """The catalogue's entry of the study's model."""
        return self.models[self.model]

    @cached_property
    def claim_entries(self) -> dict[str, Claim]:
        """The claims that are tested, by name."""
        return dict(validate(Claims, read_yaml(Path(self.claims)), self.claims).claims) if self.claims else {}

    @cached_property
    def models(self) -> dict[str, ModelEntry]:
        """The catalogue of models."""
        return load_models(Path(self.models_file))

    @cached_property
    def datasets(self) -> dict[str, Dataset]:
        """The catalogue of datasets."""
        return load_datasets(Path(self.datasets_file))

    @property
    def corpus_entry(self) -> Dataset:
        """The catalogue's entry of the study's corpus."""
        return self.datasets[self.corpus]
