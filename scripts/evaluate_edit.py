"""Judge an edit on test pairs and held-out text, beside the model before, a permanent model and other ways."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sparse_circuits.command import Compute, program
from sparse_circuits.compute import choose_device, set_up
from sparse_circuits.config.base import validate
from sparse_circuits.config.cue import Cue
from sparse_circuits.edit.build import build, rewritings
from sparse_circuits.edit.cue import cue_accuracies
from sparse_circuits.edit.erasure import erase
from sparse_circuits.edit.evaluate import (
    Trials,
    continuations,
    judge_variants,
    mean_judgement,
    most_changed,
    most_changed_nodes,
)
from sparse_circuits.edit.features import random_nodes, rewrite_nodes
from sparse_circuits.edit.measure import Variant, differences_of, text_effects
from sparse_circuits.edit.setup import Editing, WholeEdit, read_selection
from sparse_circuits.files import write_json
from sparse_circuits.models.load import load_language_model
from sparse_circuits.sources.images import read_classes, read_images


@dataclass(frozen=True)
class Arguments(WholeEdit):
    evaluation: Path
    """JSON file to write"""
    others: list[str]
    """the study's other tasks, on which side effects are looked for"""
    selection: Path | None = None
    """the features that were selected"""
    images: Path | None = None
    """HDF5 file of the images on which the cost of a cue is measured"""
    cue: str | None = None
    """the cue that the model was trained with, as JSON"""
    permanent: Path | None = None
    """folder of the model that keeps the edit"""
    seed: int = 0
    """of random features and bootstrap"""
    compute: Compute = field(default_factory=Compute)


def main(args: Arguments) -> None:
    set_up(args.compute.threads)
    device = choose_device(args.compute.device)
    editing = Editing.of(args, device)
    settings, language, basis = editing.settings, editing.language, editing.basis
    selected = read_selection(args.selection)
    intervention = build(settings, editing.materials(args, selected))
    variants = {"before": Variant(language), "hooked": Variant(language, intervention)}
    if args.permanent:
        variants["permanent"] = Variant(load_language_model(args.permanent, device))
    nodes = dict(sorted(rewritings(settings, selected).items(), key=lambda one: one[0].site.order))
    shown = list(variants)
    sites = list(dict.fromkeys(node.site for node in nodes)) or list(basis)
    generator = torch.Generator().manual_seed(args.seed)
    goal = editing.groups(settings.goal, "train")
    prompts = [tokens for _, batch in goal for tokens in (batch.clean, batch.patch)]
    random = [f"random.{number}" for number in range(settings.random_seeds if "random" in settings.baselines else 0)]
    for name in random:
        others = random_nodes(list(nodes), language, basis, prompts, generator)
        variants[name] = Variant(language, rewrite_nodes(basis, dict(zip(others, nodes.values(), strict=True))))
    for method in ("leace", "mean_difference"):
        if method in settings.baselines:
            variants[method] = Variant(language, erase(language, goal, sites, method))
    trials = Trials(
        editing.pairs(settings.goal, "test"),
        {name: [editing.pairs(one, "test") for one in names] for name, names in settings.keep.items()},
        editing.pairs(settings.statistics, "test") if settings.statistics else [],
        editing.tokenizer,
        language.separator_id,
        args.seed,
    )
    text = editing.text("held_out", 10**9)
    effects = text_effects(variants, text)
    judged = judge_variants(variants, trials, effects)
    if args.images and args.cue:
        test, classes = read_images(args.images, "test"), read_classes(args.images)
        cue = validate(Cue, args.cue, "cue")
        for name, accuracies in cue_accuracies(variants, test.images, test.labels, classes, cue).items():
            judged[name] |= accuracies
    baselines: dict[str, Any] = {name: judged[name] for name in settings.baselines if name in judged}
    if random:
        baselines["random"] = mean_judgement([judged[name] for name in random])
    if "deletion" in settings.baselines:
        before = {"deletion": variants["before"]}
        without = trials.without_gendered_words()
        baselines |= judge_variants(before, without, {"deletion": effects["before"]})
    main = {name: variants[name] for name in shown}
    others = {
        task: {name: one.accuracy for name, one in differences_of(main, editing.groups(task, "test")).items()}
        for task in args.others
    }
    moved = variants["before"], variants["hooked"]
    found = {
        "model": language.name,
        "goal": settings.goal,
        "kept": list(settings.keep),
        "features": len(nodes),
        "nodes": [{"node": node.id, **vars(rewriting)} for node, rewriting in nodes.items()],
        "split": "test",
        **{name: judged[name] for name in shown},
        "baselines": baselines,
        "side_effects": {
            "accuracy": others,
            "tokens": []
            if language.sees
            else most_changed(*moved, effects["hooked"].at, torch.cat(text), editing.tokenizer),
            "nodes": most_changed_nodes(*moved, basis, text, nodes),
        },
        "continuations": continuations(main, settings.prompts, trials),
    }
    write_json(args.evaluation, found)
    before, after = judged["before"], judged["hooked"]
    print(f"{len(nodes)} features; gap {before['gap']:.3f} to {after['gap']:.3f} nats,", end=" ")
    print(f"perplexity {before['perplexity']:.2f} to {after['perplexity']:.2f}")


if __name__ == "__main__":
    program(main, Arguments)
