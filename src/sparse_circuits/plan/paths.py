"""Where the files of a study of autoencoders lie."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sparse_circuits.config.circuits import FeatureBasis
from sparse_circuits.config.edits import Select
from sparse_circuits.config.site import Site
from sparse_circuits.plan.study_paths import StudyPaths, alternatives, files
from sparse_circuits.studies.study import Study
from sparse_circuits.tasks.agreement import Agreement
from sparse_circuits.tasks.classes import Classes
from sparse_circuits.tasks.cue import Cued
from sparse_circuits.tasks.file import FilePairs
from sparse_circuits.tasks.occupations import Occupations
from sparse_circuits.tasks.pronouns import Pronouns

CONFIG = ("model_card.json", "config.json")
WEIGHTS = (*CONFIG, "generation_config.json", "model.safetensors")
TOKENIZER = ("model_card.json", "tokenizer.json", "tokenizer_config.json")
WHOLE_MODEL = (*WEIGHTS, "tokenizer.json", "tokenizer_config.json")
TRAINED_MODEL = (*WHOLE_MODEL, "training.csv", "losses.json")  # of models that are trained here
SAE = ("cfg.json", "sae_weights.safetensors", "sparsity.safetensors", "training.csv")


@dataclass(frozen=True)
class Paths(StudyPaths):
    """The files of one study, as far as they follow from its settings."""

    study: Study

    @property
    def wildcards(self) -> dict[str, str]:
        """What each wildcard of the rules may be, as a regular expression."""
        study = self.study
        names = alternatives(
            sae=study.saes,
            task={**study.tasks, **study.behaviours},
            basis=study.circuits.bases,
            model=self.vision_transformers,
            edit=study.edits,
            graph=study.graphs,
        )
        return {"shard": r"\d{5}", "site": r"[a-z_]+(\.\d+)?", "professions": r"[\w.-]+", **names}

    @property
    def model(self) -> str:
        """The folder of the study's model."""
        return f"results/models/{self.study.model}"

    @property
    def cache(self) -> str:
        """The folder of the activation cache."""
        return f"results/activations/{self.study.model}/{self.study.corpus}"

    @property
    def sequences(self) -> str:
        """The token sequences that the cache is made of."""
        return f"{self.cache}/sequences.h5"

    def shards(self, place: str | None = None) -> list[str]:
        """Return the shards that hold a place's sites; all of them without one."""
        cache = self.study.cache
        numbers = cache.shards_of(self.study.places[place].sites) if place else range(cache.count)
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

    @property
    def tokenizer(self) -> str:
        """The folder of the tokenizer: the model's."""
        return self.model

    def task_kind(self, task: str) -> str:
        """Return the kind of a task or behaviour."""
        return {**self.study.tasks, **self.study.behaviours}[task].kind

    def task_files(self, task: str) -> list[str]:
        """Return what a task's pairs are made of: pairs that the user brings, professions, images."""
        settings = {**self.study.tasks, **self.study.behaviours}[task]
        if isinstance(settings, Pronouns | Occupations):
            return [self.professions(settings.professions)]
        if isinstance(settings, Classes | Cued):
            return [self.corpus]
        return [settings.train, settings.test] if isinstance(settings, FilePairs) else []

    @staticmethod
    def professions(name: str) -> str:
        """Return the file of a list of professions."""
        return f"results/professions/{name}.json"

    def of_circuits(self, name: str) -> list[str]:
        """Return the files of one name of all tasks and bases."""
        bases = self.study.circuits.bases
        return [f"{self.circuit(task, basis)}/{name}" for task in self.study.tasks for basis in bases]

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
    def described_basis(self) -> str:
        """The basis whose nodes are described: features or, of images without any, the first one."""
        return "features" if self.feature_sites else self.shown_basis

    @property
    def described_sites(self) -> list[str]:
        """The sites whose nodes are described."""
        return list(self.study.basis_sites(self.described_basis))

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
        return [name for name, task in self.study.tasks.items() if isinstance(task, Agreement)]

    def graph(self, name: str) -> str:
        """Return the attribution graph of a prompt."""
        return f"results/graphs/{self.study.study}/{name}/graph.json"

    @property
    def graphs(self) -> list[str]:
        """The attribution graphs of all prompts."""
        return [self.graph(name) for name in self.study.graphs]

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

    def selection(self, edit: str) -> list[str]:
        """Return the selection of an edit that has one."""
        chosen = any(isinstance(operation, Select) for operation in self.study.edits[edit].operations)
        return [f"{self.edits}/{edit}/selection.json"] if chosen else []

    def permanent(self, edit: str) -> list[str]:
        """Return the files of the model that keeps an edit, where there is to be one."""
        return files(self.edited_model(edit), WHOLE_MODEL) if self.study.edits[edit].permanent else []

    def edit_circuits(self, edit: str) -> list[str]:
        """Return the circuits that an edit keeps or removes."""
        settings = self.study.edits[edit]
        return [f"{self.circuit(task, settings.basis)}/circuit.json" for task in settings.circuits]

    @property
    def edit_evaluations(self) -> list[str]:
        """How good each edit is."""
        return [f"{self.edits}/{edit}/evaluation.json" for edit in self.study.edits]

    def edit_saes(self, edit: str) -> list[str]:
        """Return the settings and weights of the autoencoders whose features an edit rewrites."""
        return self.sae_files(self.study.edits[edit].basis)

    def edit_others(self, edit: str) -> list[str]:
        """Return the test pairs of the study's tasks that an edit is not about."""
        needs = self.study.edits[edit].needs
        return self.pairs((task for task in self.study.tasks if task not in needs), ["test"])

    @property
    def cue_images(self) -> list[str]:
        """The images on which the cost of a cue is measured, where the study's model was trained with one."""
        own = self.study.vision_transformer
        return [self.corpus] if own and own.cue else []

    # Claims

    @property
    def verdicts(self) -> str:
        """The verdicts on the study's claims."""
        return f"results/claims/{self.study.study}.json"

    @property
    def claimed_models(self) -> list[str]:
        """The files of the models of edits that claims are tested on."""
        edits = dict.fromkeys(claim.edit for claim in self.study.claim_entries.values() if claim.edit)
        return [path for edit in edits for path in files(self.edited_model(edit), WHOLE_MODEL)]

    @property
    def claimed_pairs(self) -> list[str]:
        """The held-out pairs of the claims' tasks."""
        return self.pairs(dict.fromkeys(claim.task for claim in self.study.claim_entries.values()), ["test"])

    @property
    def claimed_circuits(self) -> list[str]:
        """The circuits whose nodes claims swap."""
        tasks = dict.fromkeys(claim.of_circuit for claim in self.study.claim_entries.values() if claim.of_circuit)
        return [f"{self.circuit(task, 'features')}/circuit.json" for task in tasks]

    # A classifier

    @property
    def biographies(self) -> str:
        """What the classifier reads: published, or written by the model."""
        published = self.study.shift and self.study.shift.biographies
        return f"results/biographies/{published or self.study.study}.jsonl"

    @property
    def shift(self) -> str:
        """How the classifier does, before and after."""
        return f"results/shift/{self.study.study}.json"

    # Discovery

    @property
    def discovery(self) -> str:
        """The folder of what is discovered."""
        return f"results/discovery/{self.study.study}"

    @property
    def discovery_sites(self) -> list[str]:
        """The sites whose features describe tokens.

        Features of early layers tell of single tokens of the input, so circuits of many contexts begin after them
        (Marks et al. 2024, section 4, who begin at a third of the layers).
        """
        first = self.study.discovery.begin * (self.study.num_layers or 0)
        return [site for site in self.feature_sites if Site.parse(site).layer >= first] or self.feature_sites

    @property
    def discovery_saes(self) -> list[str]:
        """The files of the autoencoders of those sites."""
        return self.sae_files("features", self.discovery_sites)

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
    def vision_transformers(self) -> dict[str, str]:
        """The models of images that are trained here, and the study's key of each."""
        keys = {self.study.model: "vision_transformer", self.twin: "twin.model", self.matched: "twin.dense"}
        there = [self.study.vision_transformer, self.study.twin, self.study.twin and self.study.twin.dense]
        return {name: key for (name, key), found in zip(keys.items(), there, strict=True) if found}

    def transformer(self, model: str) -> str:
        """Return the folder of a model that is trained here."""
        return f"results/models/{model}"

    @property
    def sparse(self) -> list[str]:
        """The models whose smallest circuits are compared with those of dense ones."""
        return [self.twin] if self.study.twin else []

    @property
    def dense(self) -> list[str]:
        """The dense models that they are compared with."""
        dense = self.matched if self.matched in self.vision_transformers else self.study.model
        return [dense] if self.study.twin else []

    @property
    def pruned_tasks(self) -> list[str]:
        """The tasks whose smallest circuits are found."""
        return self.study.twin.tasks if self.study.twin else []

    @property
    def accuracy(self) -> str:
        """How often the model is right about the corpus' photographs."""
        return f"{self.model}/accuracy.{self.study.corpus}.json"

    @property
    def class_tasks(self) -> list[str]:
        """The tasks of classes of images."""
        return [name for name, task in self.study.tasks.items() if isinstance(task, Classes)]

    @property
    def counterfactuals(self) -> list[str]:
        """The images changed until the model sees another class, where the model was trained here."""
        there = self.class_tasks and self.study.vision_transformer
        return [f"{self.circuits}/counterfactuals.json"] if there else []
