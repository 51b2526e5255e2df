from dataclasses import dataclass
from pathlib import Path

from sparse_circuits.artefacts.sae_probing import SAEProbing
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.files import Folder
from sparse_circuits.config.probe_sae import ProbeSAE
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import load_model
from sparse_circuits.sae.absorption import letter_words, measure_absorption, split_words, word_activations
from sparse_circuits.sae.autoencoder import load_autoencoder
from sparse_circuits.sae.probing import Labelled, last_activations, probe_features, two_valued
from sparse_circuits.tasks.pair import read_pairs


@dataclass(frozen=True)
class Files:
    model: Folder  # folder of the model
    sae: Folder  # folder of the autoencoder
    tasks: list[Folder]  # folders of the tasks whose variables are probed for
    probing: Path  # JSON file to write


def step(files: Files, settings: ProbeSAE, compute: Compute) -> None:
    """Probe one sparse autoencoder: what few features tell of a prompt, and which words a letter's leave out."""
    model = load_model(files.model, compute.start())
    site, batch = Site.parse(settings.site), settings.batch
    sae = load_autoencoder(files.sae, settings.site, model.width(site))
    tasks = {}
    for folder in files.tasks:
        pairs = [read_pairs(folder / f"{split}.jsonl") for split in ("train", "test")]
        x = [last_activations(model, part, site, batch) for part in pairs]
        tasks[folder.name] = {
            name: probe_features(sae, Labelled(x[0], labels[0]), Labelled(x[1], labels[1]), settings.ks)
            for name, labels in two_valued(pairs[0], pairs[1]).items()
        }
    words = letter_words(model.tokenizer, settings.words_a_letter, settings.seed)
    train, test = split_words(word_activations(model, words, site, batch), words.letter)
    absorption = measure_absorption(sae, train, test, words.letters)
    SAEProbing(site=settings.site, d_sae=sae.width, tasks=tasks, absorption=absorption).write(files.probing)
