"""Probe one sparse autoencoder: what few features tell of a prompt, and which words a letter's features leave out."""

from dataclasses import dataclass, field
from pathlib import Path

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.site import Site
from sparse_circuits.files import write_json
from sparse_circuits.models.load import load_language_model, load_tokenizer
from sparse_circuits.sae.absorption import letter_words, measure_absorption, split_words, word_activations
from sparse_circuits.sae.autoencoder import load_autoencoder
from sparse_circuits.sae.probing import Labelled, last_activations, probe_features, two_valued
from sparse_circuits.tasks.pairs import read_pairs


@dataclass(frozen=True)
class Arguments:
    model: Path
    """folder of the model"""
    sae: Path
    """folder of the autoencoder"""
    site: str
    """its site"""
    tasks: tuple[Path, ...]
    """folders of the tasks whose variables are probed for"""
    probing: Path
    """JSON file to write"""
    ks: tuple[int, ...] = (1, 2, 5)
    """features a probe"""
    words_a_letter: int = 100
    """words a first letter"""
    batch: int = 64
    """prompts a forward pass"""
    seed: int = 0
    """words drawn"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    language, tokenizer, site = (
        load_language_model(args.model, device),
        load_tokenizer(args.model),
        Site.parse(args.site),
    )
    sae = load_autoencoder(args.sae, args.site, language.width(site))
    tasks = {}
    for folder in args.tasks:
        pairs = [read_pairs(folder / f"{split}.jsonl") for split in ("train", "test")]
        x = [last_activations(language, tokenizer, part, site, args.batch) for part in pairs]
        tasks[folder.name] = {
            name: probe_features(sae, Labelled(x[0], labels[0]), Labelled(x[1], labels[1]), args.ks)
            for name, labels in two_valued(pairs[0], pairs[1]).items()
        }
    words = letter_words(tokenizer, args.words_a_letter, args.seed)
    train, test = split_words(word_activations(language, tokenizer, words, site, args.batch), words.letter)
    absorption = measure_absorption(sae, train, test, words.letters)
    write_json(args.probing, {"site": args.site, "d_sae": sae.width, "tasks": tasks, "absorption": absorption})


if __name__ == "__main__":
    program(main, Arguments)
