"""The experiment: a probe learns two professions where gender tells them apart too, and is asked where it does not.

Marks et al. 2024 (arXiv 2403.19647), section 4. Each way of making the probe is judged on test biographies of all four
groups, for several draws of those that are trained and tested on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from sparse_circuits.artefacts.shift_evaluation import GroupAccuracies, RangedAccuracies, ShiftNode, ShiftSeed
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.basis import Basis, Node
from sparse_circuits.config.run_shift import Experiment
from sparse_circuits.config.site import Site
from sparse_circuits.edit.features import Rewriting, random_nodes, rewrite_nodes
from sparse_circuits.edit.promoting import promoting
from sparse_circuits.models.load import Model
from sparse_circuits.shift.circuit import Evidence, activity, circuit
from sparse_circuits.shift.probe import Texts, concepts, fit, group_accuracies, pooled, similarities
from sparse_circuits.shift.words import GENDERED, without_gender
from sparse_circuits.sources.biographies import GENDERS, Biography


@dataclass(frozen=True)
class Draw:
    """Which biographies are used with one seed, by number; professions and genders are those of `Subject`.

    `ambiguous` are the first profession's men and the second one's women, `balanced` as many of all four groups, `test`
    others of all four.
    """

    ambiguous: list[int]
    balanced: list[int]
    test: list[int]


@dataclass(frozen=True)
class Subject:
    """The biographies and the model that reads them."""

    model: Model
    basis: Basis
    settings: Experiment
    biographies: Sequence[Biography]

    @property
    def site(self) -> Site:
        """The site that the probe reads."""
        return Site.parse(self.settings.site)

    @property
    def second(self) -> Tensor:
        """Whose profession is the second one: (biography,)."""
        return torch.tensor([one.profession == list(self.settings.professions)[1] for one in self.biographies])

    @property
    def woman(self) -> Tensor:
        """Who is a woman: (biography,)."""
        return torch.tensor([one.gender == "female" for one in self.biographies])

    def texts(self, deleted: bool = False) -> Texts:
        """Return the biographies as tokens, with the words that state a gender or without."""
        texts = [without_gender(one.text) if deleted else one.text for one in self.biographies]
        return Texts.of(texts, self.model, self.settings.tokens)

    def draw(self, generator: torch.Generator) -> Draw:
        """Draw biographies to train and to test on. Raises StudyError where there are too few."""
        train, test = self.settings.train, self.settings.test
        ambiguous, balanced, tested = [], [], []
        for number, profession in enumerate(self.settings.professions):
            for woman, gender in enumerate(GENDERS):
                mine = [i for i, b in enumerate(self.biographies) if (b.profession, b.gender) == (profession, gender)]
                if len(mine) < train + test:
                    raise StudyError(f"{profession}, {gender}: {len(mine)} biographies; {train + test} are needed")
                order = [mine[i] for i in torch.randperm(len(mine), generator=generator).tolist()]
                tested += order[:test]
                balanced += order[test : test + train // 2]
                if number == woman:
                    ambiguous += order[test : test + train]
        return Draw(ambiguous, balanced, tested)


def experiment(subject: Subject, seed: int) -> tuple[dict[str, RangedAccuracies], list[ShiftSeed]]:
    """Return what each way of making the probe gets, and every seed's circuit and what was held against its nodes.

    original: trained on the ambiguous biographies. random, blind: with as many features ablated as SHIFT ablates, drawn
    at random or those of the largest effects. shift: the nodes of the circuit that are about gender, ablated.
    retrained: and the probe fitted again. deletion: fitted and tested on texts without words of gender. concepts:
    fitted on similarities to the professions' words. oracle: fitted on as many biographies of all four groups.
    """
    settings, model, site = subject.settings, subject.model, subject.site
    basis = {at: dictionary for at, dictionary in subject.basis.items() if at.order <= site.order}
    texts, second, woman = subject.texts(), subject.second, subject.woman
    x, deleted = pooled(model, texts, site), pooled(model, subject.texts(deleted=True), site)
    words = [word for of_profession in settings.professions.values() for word in of_profession]
    directions = concepts(model, words, site)
    promotes = promoting(model, basis, sorted(GENDERED))
    runs: list[ShiftSeed] = []
    for number in Progress(range(settings.seeds), desc="SHIFT", unit="draw"):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        draw = subject.draw(generator)
        used = sorted({*draw.ambiguous, *draw.test})
        probe = fit(x[draw.ambiguous], second[draw.ambiguous])
        learnt = texts.take(draw.ambiguous)
        # As many of either profession: the first one's stand before the second one's.
        wanted = min(settings.scored, len(draw.ambiguous))
        scored = [draw.ambiguous[i * len(draw.ambiguous) // wanted] for i in range(wanted)]
        nodes = circuit(model, basis, texts.take(scored), second[scored], site, probe, settings.nodes)
        active = activity(model, basis, learnt)
        found = {
            node: Evidence(active.on_words[node.site][node.index].item(), bool(promotes[node.site][node.index]))
            for node in nodes
        }
        chosen = [node for node in nodes if found[node].about_gender(settings.on_words)]
        ablated = {
            "shift": chosen,
            "blind": list(nodes)[: len(chosen)],
            "random": random_nodes(chosen, model, basis, [p.tokens for p in learnt.batches()], generator),
        }
        without = {
            name: _ablated(subject, basis, texts, x, used, _rewritings(some, active.mean, settings.ablation))
            for name, some in ablated.items()
        }

        def judged(scores: Tensor, test: Sequence[int] = draw.test) -> GroupAccuracies:
            return group_accuracies(scores > 0, second[test], woman[test])

        def fitted(
            y: Tensor, train: Sequence[int] = draw.ambiguous, test: Sequence[int] = draw.test
        ) -> GroupAccuracies:
            return group_accuracies(fit(y[train], second[train]).scores(y[test]) > 0, second[test], woman[test])

        rows = {
            "original": judged(probe.scores(x[draw.test])),
            **{name: judged(probe.scores(without[name][draw.test])) for name in ("random", "blind", "shift")},
            "retrained": fitted(without["shift"]),
            "concepts": fitted(similarities(x - x[draw.ambiguous].mean(dim=0), directions)),
            "deletion": fitted(deleted),
            "oracle": fitted(x, draw.balanced),
        }
        reasons = [
            ShiftNode(node=node.id, effect=effect, **vars(found[node]), ablated=node in chosen)
            for node, effect in nodes.items()
        ]
        runs.append(ShiftSeed(rows=rows, nodes=reasons))
    return {name: _over_seeds([run.rows[name] for run in runs]) for name in runs[0].rows}, runs


def _rewritings(nodes: Sequence[Node], means: Mapping[Site, Tensor], ablation: str) -> dict[Node, Rewriting]:
    """How nodes are ablated. At 0 they take their mean's share of the probe's log odds along, which all texts had."""
    if ablation == "zero":
        return dict.fromkeys(nodes, Rewriting())
    return {node: Rewriting(clamp=means[node.site][node.index].item()) for node in nodes}


def _ablated(
    subject: Subject, basis: Basis, texts: Texts, x: Tensor, used: Sequence[int], nodes: Mapping[Node, Rewriting]
) -> Tensor:
    """Mean activations (biography, d) with nodes ablated; of those that are not used, as they are."""
    if not nodes:
        return x
    changed = x.clone()
    changed[list(used)] = pooled(subject.model, texts.take(used), subject.site, rewrite_nodes(basis, nodes))
    return changed


def _over_seeds(rows: Sequence[GroupAccuracies]) -> RangedAccuracies:
    """The mean of each figure, with the least and the largest."""
    found: dict[str, object] = {}
    for what in GroupAccuracies.model_fields:
        values = [getattr(row, what) for row in rows]
        found |= {what: fmean(values), f"{what}_range": (min(values), max(values))}
    return RangedAccuracies.model_validate(found)
