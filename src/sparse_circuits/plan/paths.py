"""Where the files of a study of autoencoders lie."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sparse_circuits.config.circuits import FeatureBasis
from sparse_circuits.config.edits import Occupations, OfCircuit, Pronouns, Select
from sparse_circuits.config.study import Study
from sparse_circuits.config.tasks import AgreementTask, ClassesTask, CueTask, FileTask
from sparse_circuits.config.weight_sparse import VisionTransformer
from sparse_circuits.plan.cache import CacheLayout

CONFIG = ("model_card.json", "config.json")
WEIGHTS = (*CONFIG, "generation_config.json", "model.safetensors")
TOKENIZER = ("model_card.json", "tokenizer.json", "tokenizer_config.json")
WHOLE_MODEL = (*WEIGHTS, "tokenizer.json", "tokenizer_config.json")
TRAINED_MODEL = (*WHOLE_MODEL, "training.csv", "losses.json")  # of models that are trained here
SAE = ("cfg.json", "sae_weights.safetensors", "sparsity.safetensors", "training.csv")
SPLITS = ("train", "test")


def files(folder: str, names: Iterable[str]) -> list[str]:
    """Return the paths of files of a folder."""
    return [f"{folder}/{name}" for name in names]


@dataclass(frozen=True)
class Paths:
    """The files of one study, as far as they follow from its settings. Paths hold wildcards where methods say so."""

    study: Study

    @property
    def model(self) -> str:
        """The folder of the study's model."""
        return f"results/models/{self.study.model}"

    @property
    def corpus(self) -> str:
        """The file of documents or images."""
        name = "images.h5" if self.study.corpus_entry.pictures else "documents.jsonl"
        return f"results/corpora/{self.study.corpus}/{name}"

    @property
    def cache(self) -> str:
        """The folder of the activation cache."""
        return f"results/activations/{self.study.model}/{self.study.corpus}"

    @property
    def sequences(self) -> str:
        """The token sequences that the cache is made of."""
        return f"{self.cache}/sequences.h5"

    @cached_property
    def layout(self) -> CacheLayout:
        """How the cache is divided into shards."""
        return CacheLayout.of(self.study)

    def shards(self, place: str | None = None) -> list[str]:
        """Return the shards that hold a place's sites; all of them without one."""
        numbers = self.layout.shards_of(self.study.places[place]) if place else range(self.layout.count)
        return [f"{self.cache}/shard-{number:05d}.h5" for number in numbers]

    # Autoencoders

    def sae(self, place: str, name: str) -> str:
        """Return the folder of an autoencoder."""
        return f"results/saes/{self.study.model}/{place}/{name}"

    @cached_property
    def sae_folders(self) -> list[str]:
        """The folders of all autoencoders."""
        return [self.sae(name, sae) for name, place in self.study.places.items() for sae in place.saes]

    @property
    def sae_evaluations(self) -> list[str]:
        """How good each autoencoder is."""
        return [f"{folder}/evaluation.json" for folder in self.sae_folders]

    @property
    def probings(self) -> list[str]:
        """What is known of the features of the autoencoders that are probed."""
        places = self.study.places
        asked = self.study.sites if self.study.probing else []
        return [f"{self.sae(site, sae)}/probing.json" for site in asked for sae in places[site].saes]

    @property
    def stabilities(self) -> list[str]:
        """How far autoencoders agree that are trained from several seeds."""
        places, others = self.study.places, self.study.other_seeds
        return [f"{self.sae(n, sae)}/stability.json" for n, p in places.items() for sae in p.saes if sae in others]

    def basis_saes(self, basis: str, sites: Iterable[str] | None = None) -> list[str]:
        """Return the folders of the autoencoders that a basis needs, at all of its sites or at some."""
        settings = self.study.circuits.bases.get(basis)
        if not isinstance(settings, FeatureBasis):
            return []
        places = self.study.basis_sites(basis)
        return [self.sae(place, settings.sae) for site in sites or places if (place := places[site])]

    def sae_files(self, basis: str, sites: Iterable[str] | None = None) -> list[str]:
        """Return the settings and weights of those autoencoders."""
        return [path for folder in self.basis_saes(basis, sites) for path in files(folder, SAE[:2])]

    # Tasks and circuits

    @staticmethod
    def pairs(tasks: Iterable[str], splits: Iterable[str] = SPLITS) -> list[str]:
        """Return the files of pairs of tasks."""
        return [f"results/tasks/{task}/{split}.jsonl" for task in tasks for split in splits]

    def task_files(self, task: str) -> list[str]:
        """Return what a task's pairs are made of: pairs that the user brings, professions, images."""
        settings = {**self.study.tasks, **self.study.behaviours}[task]
        if isinstance(settings, Pronouns | Occupations):
            return [f"results/professions/{settings.professions}.json"]
        if isinstance(settings, ClassesTask | CueTask):
            return [self.corpus]
        return [settings.train, settings.test] if isinstance(settings, FileTask) else []

    @property
    def circuits(self) -> str:
        """The folder of the study's circuits."""
        return f"results/circuits/{self.study.study}"

    def of_circuits(self, name: str) -> list[str]:
        """Return the files of one name of all tasks and bases."""
        bases = self.study.circuits.bases
        return [f"{self.circuits}/{task}/{basis}/{name}" for task in self.study.tasks for basis in bases]

    @property
    def minimal_circuits(self) -> list[str]:
        """The smallest circuits, where they are searched for."""
        return self.of_circuits("minimal.json") if self.study.circuits.minimal else []

    @property
    def proofs(self) -> list[str]:
        """The proofs of all circuits that are put to it."""
        bases = self.study.circuits.bases
        return [path for path in self.of_circuits("proof.json") if bases[Path(path).parts[-2]].prove]

    @property
    def shown_basis(self) -> str:
        """The basis whose nodes are drawn and described: features, where there are any."""
        return next(iter(self.study.circuits.bases))

    @property
    def feature_sites(self) -> list[str]:
        """The sites of the basis of features."""
        return list(self.study.basis_sites("features"))

    @property
    def described_sites(self) -> list[str]:
        """The sites whose nodes are described: of features or, of images without any, of the first basis."""
        return self.feature_sites or list(self.study.basis_sites(self.shown_basis))

    @property
    def interpretations(self) -> str:
        """The folder of what is known of nodes."""
        return f"results/interpretations/{self.study.study}"

    @property
    def descriptions(self) -> list[str]:
        """What is known of nodes, where they are described."""
        asked = self.study.interpretations
        return [f"{self.interpretations}/{site}.json" for site in self.described_sites] if asked else []

    @property
    def labels(self) -> list[str]:
        """The labels that a language model gives them, where one is asked."""
        asked = self.study.interpretations and self.study.interpretations.labels
        return [path.replace(".json", ".labels.json") for path in self.descriptions] if asked else []

    @property
    def pictures(self) -> list[str]:
        """The images, and where nodes are active on them, where nodes of images are described."""
        shown = self.study.corpus_entry.pictures and self.descriptions
        return [self.corpus, *self.descriptions] if shown else []

    @property
    def template_tasks(self) -> list[str]:
        """The tasks made of templates, whose nodes are judged on natural sentences."""
        return [name for name, task in self.study.tasks.items() if isinstance(task, AgreementTask)]

    @property
    def graphs(self) -> list[str]:
        """The attribution graphs of all prompts."""
        return [f"results/graphs/{self.study.study}/{name}/graph.json" for name in self.study.graphs]

    @property
    def figures(self) -> str:
        """The folder of the study's figures."""
        return f"results/figures/{self.study.study}"

    @property
    def report(self) -> str:
        """The folder of the study's pages."""
        return f"results/report/{self.study.study}"

    # Edits

    @property
    def edits(self) -> str:
        """The folder of the study's edits."""
        return f"results/edits/{self.study.study}"

    def edited_model(self, edit: str) -> str:
        """Return the folder of the model that keeps an edit."""
        return f"{self.edits}/{edit}/model"

    def edit_pairs(self, edit: str) -> list[str]:
        """Return the pairs that an edit is chosen on and judged by."""
        return self.pairs(self.study.edits[edit].needs)

    def other_tasks(self, edit: str) -> list[str]:
        """Return the study's tasks that an edit is not about."""
        return [task for task in self.study.tasks if task not in self.study.edits[edit].needs]

    def selection(self, edit: str) -> list[str]:
        """Return the selection of an edit that has one."""
        chosen = any(isinstance(operation, Select) for operation in self.study.edits[edit].operations)
        return [f"{self.edits}/{edit}/selection.json"] if chosen else []

    def permanent(self, edit: str) -> list[str]:
        """Return the files of the model that keeps an edit, where there is to be one."""
        return files(self.edited_model(edit), WHOLE_MODEL) if self.study.edits[edit].permanent else []

    def circuit_tasks(self, edit: str) -> list[str]:
        """Return the tasks whose circuits an edit keeps or removes."""
        return [one.task for one in self.study.edits[edit].operations if isinstance(one, OfCircuit)]

    def edit_circuits(self, edit: str) -> list[str]:
        """Return the circuits that an edit keeps or removes."""
        basis = self.study.edits[edit].basis
        return [f"{self.circuits}/{task}/{basis}/circuit.json" for task in self.circuit_tasks(edit)]

    @cached_property
    def claimed_edits(self) -> list[str]:
        """The edits whose permanent models claims are tested on, in the order in which their files are inputs."""
        return list(dict.fromkeys(claim.edit for claim in self.study.claim_entries.values() if claim.edit))

    # Images

    @property
    def twin(self) -> str:
        """The name of the model's weight-sparse twin."""
        return f"{self.study.model}-sparse"

    @property
    def matched(self) -> str:
        """The name of the dense model that is about as accurate as the twin."""
        return f"{self.study.model}-dense"

    @cached_property
    def vision_transformers(self) -> dict[str, VisionTransformer]:
        """The models of images that are trained here, by name."""
        twin, own = self.study.twin, self.study.vision_transformer
        found = {self.study.model: own, self.twin: twin and twin.model, self.matched: twin and twin.dense}
        return {name: settings for name, settings in found.items() if settings}

    @property
    def class_tasks(self) -> list[str]:
        """The tasks of classes of images."""
        return [name for name, task in self.study.tasks.items() if isinstance(task, ClassesTask)]

    @property
    def counterfactuals(self) -> list[str]:
        """The images changed until the model sees another class, where the model was trained here."""
        there = self.class_tasks and self.study.vision_transformer
        return [f"{self.circuits}/counterfactuals.json"] if there else []
