"""An edit beside the model before, the model that keeps it, and other ways: random features, erasure, deleted words."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from sparse_circuits.artefacts.edit_evaluation import EditEvaluation, Judgement, SideEffects
from sparse_circuits.circuits.basis import Node
from sparse_circuits.edit.erasure import erase
from sparse_circuits.edit.evaluate import (
    Trials,
    continuations,
    judge_variants,
    mean_judgement,
    most_changed,
    most_changed_nodes,
)
from sparse_circuits.edit.features import Rewriting, random_nodes, rewrite_nodes
from sparse_circuits.edit.measure import TextEffects, Variant, differences_of, text_effects
from sparse_circuits.edit.setup import Editing, rewritten_nodes

Nodes = Mapping[Node, Rewriting]
More = Callable[[Mapping[str, Variant]], Mapping[str, Judgement]]


def evaluate_edit(
    editing: Editing,
    shown: Mapping[str, Variant],
    nodes: Nodes,
    others: Sequence[str],
    seed: int,
    more: More | None = None,
) -> EditEvaluation:
    """Return what the variants in `shown`, "before" and "hooked" among them, do on test pairs and held-out text.

    `nodes` are those that the edit rewrites, `others` the tasks on which side effects are looked for. `seed` draws
    random features and the bootstrap. `more` measures further properties of all variants.
    """
    nodes = dict(sorted(nodes.items(), key=lambda one: one[0].site.order))
    settings, trials, text = editing.settings, _trials(editing, seed), editing.text("held_out")
    variants = {**shown, **_other_ways(editing, nodes, seed)}
    effects = text_effects(variants, text)
    judged = judge_variants(variants, trials, effects)
    for name, measured in (more(variants) if more else {}).items():
        judged[name] |= measured
    baselines: dict[str, Judgement] = {name: judged[name] for name in settings.baselines if name in judged}
    if random := [judged[name] for name in variants if name.startswith("random.")]:
        baselines["random"] = mean_judgement(random)
    if "deletion" in settings.baselines:
        before = {"deletion": variants["before"]}
        baselines |= judge_variants(before, trials.without_gendered_words(), {"deletion": effects["before"]})
    found: dict[str, object] = {
        "model": editing.model.name,
        "goal": settings.goal,
        "kept": list(settings.keep),
        "features": len(nodes),
        "nodes": rewritten_nodes(nodes),
        "split": "test",
        **{name: judged[name] for name in shown},
        "baselines": baselines,
        "side_effects": _side_effects(editing, shown, nodes, others, text, effects["hooked"]),
        "continuations": continuations(shown, settings.prompts),
    }
    return EditEvaluation.model_validate(found)


def _trials(editing: Editing, seed: int) -> Trials:
    settings = editing.settings
    return Trials(
        editing.pairs(settings.goal, "test"),
        {name: [editing.pairs(one, "test") for one in names] for name, names in settings.keep.items()},
        editing.pairs(settings.statistics, "test") if settings.statistics else [],
        editing.model,
        seed,
    )


def _other_ways(editing: Editing, nodes: Nodes, seed: int) -> dict[str, Variant]:
    """The model with random features rewritten, and with what tells the goal's prompts apart erased."""
    settings, model, basis = editing.settings, editing.model, editing.basis
    sites = list(dict.fromkeys(node.site for node in nodes)) or list(basis)
    prompts, generator = editing.prompts(settings.goal), torch.Generator().manual_seed(seed)
    found = {}
    for number in range(settings.random_seeds if "random" in settings.baselines else 0):
        drawn = random_nodes(list(nodes), model, basis, prompts, generator)
        rewritten = rewrite_nodes(basis, dict(zip(drawn, nodes.values(), strict=True)))
        found[f"random.{number}"] = Variant(model, rewritten)
    for method in ("leace", "mean_difference"):
        if method in settings.baselines:
            found[method] = Variant(model, erase(model, editing.groups(settings.goal, "train"), sites, method))
    return found


def _side_effects(
    editing: Editing,
    shown: Mapping[str, Variant],
    nodes: Nodes,
    others: Sequence[str],
    text: list[Tensor],
    effects: TextEffects,
) -> SideEffects:
    """The accuracies on other tasks, and the tokens and nodes that the edit changes most."""
    moved = shown["before"], shown["hooked"]
    accuracies = {task: differences_of(shown, editing.groups(task, "test")) for task in others}
    sees = editing.model.sees
    return SideEffects(
        accuracy={task: {name: one.accuracy for name, one in of.items()} for task, of in accuracies.items()},
        tokens=[] if sees else most_changed(*moved, effects.at, torch.cat(text)),
        nodes=most_changed_nodes(*moved, editing.basis, text, nodes),
    )
