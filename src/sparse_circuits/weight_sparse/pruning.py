"""Node masks learned by gradient, then the smallest circuit of a ranking that keeps the task (Gao et al. 2025, A.5).

The ranking's last gates are not all needed; the paper finds small circuits by tuning many searches for each task. Here
a few searches at different prices are cleaned up, and the smallest circuit is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.circuits.search.bisection import smallest
from sparse_circuits.circuits.search.heaviside import step
from sparse_circuits.circuits.search.problem import split_pairs
from sparse_circuits.config.prune_task import PruneTask
from sparse_circuits.tasks.code import HELD_OUT
from sparse_circuits.tasks.pairs import Groups, PairBatch
from sparse_circuits.weight_sparse.choices import Calibration, Choices, Masking, calibrate
from sparse_circuits.weight_sparse.circuit import count_edges, without_idle

WEIGHT_DECAY = 1e-3  # AdamW's

Ranking = Tensor  # numbers of gates, the most needed first


def learn_masks(masking: Masking, groups: Groups, settings: PruneTask, price: float) -> tuple[Ranking, Tensor]:
    """Return all gates, the most needed first, and their taus (gate,); a node costs `price` nats of task loss.

    Forward a gate is open where tau > 0, backward it has the sigmoid's derivative; tau is clamped to [-1, 1] after each
    step. taus start between .1 and .9 in the order of the gates' scores: from equal ones all gates would close in the
    same few steps, and a path that is cut at both ends has no gradient that would open it again. Many taus end at the
    same clamp: ties go by how much the loss rises, to first order, when the gate closes, averaged over the second half
    of the steps.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.argsort(torch.argsort(gate_scores(masking, groups), stable=True))
    tau = (0.1 + 0.8 * order / (masking.index.count - 1)).requires_grad_()
    optimizer = torch.optim.AdamW([tau], lr=settings.learning_rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, settings.steps)
    needed = torch.zeros_like(tau)
    batches = Progress(_batches(groups, settings, generator), total=settings.steps, desc="learn masks", unit="step")
    for number, batch in enumerate(batches):
        gates = step(tau)
        gates.retain_grad()
        loss = masking.choose(batch, gates).task_loss
        (loss + price * gates.sum()).backward()
        assert gates.grad is not None
        if 2 * number >= settings.steps:
            needed -= gates.grad - price
        torch.nn.utils.clip_grad_norm_([tau], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        with torch.no_grad():
            tau.clamp_(-1, 1)
    order = torch.argsort(needed, descending=True, stable=True)
    tau = tau.detach()
    return order[torch.argsort(tau[order], descending=True, stable=True)], tau


def gate_scores(masking: Masking, groups: Groups, gates: Tensor | None = None) -> Tensor:
    """Return how much opening or closing each gate changes the logit differences of all pairs, to first order: (gate,).

    Others are as in `gates` (gate,), by default all open.
    """
    gates = torch.ones(masking.index.count, device=masking.model.device) if gates is None else gates.clone()
    gates.requires_grad_()
    for _, batch in groups:
        masking.choose(batch, gates).differences.sum().backward()
    assert gates.grad is not None
    return gates.grad.abs()


@dataclass(frozen=True)
class PrunedCircuit:
    """The circuit found: its open gates (gate,), its calibration, and its task losses on held-out pairs and on others.

    `bisected` are the gates (gate,) of the smallest head of a ranking, before any clean-up; `price` is the one at which
    the circuit's ranking was learnt.
    """

    gates: Tensor
    calibration: Calibration
    held_out_loss: float
    others_loss: float
    bisected: Tensor
    price: float


def prune_circuit(masking: Masking, groups: Groups, settings: PruneTask) -> PrunedCircuit:
    """Return the smallest circuit, of a search at each price, whose task loss on held-out pairs is at most the target.

    The last pairs are held out: they have templates of their own, and decide on the size of each ranking's head. Heads
    that have at most `worth` times the fewest edges are cleaned up, and the smallest circuit that comes of it is
    returned (`bisected` is the smallest head). Raises StudyError when not even the whole model reaches the target.
    """

    def edges(found: PrunedCircuit) -> int:
        return count_edges(masking.model, masking.index.split(found.gates))

    target = settings.target
    if (whole := whole_loss(masking, groups)) > target:
        raise StudyError(f"the model's own task loss is {whole:.3f}, above the target of {target:g}")
    train, held_out = split_pairs(groups, HELD_OUT)
    heads = sorted((bisect(masking, train, held_out, settings, price) for price in settings.prices), key=edges)
    worthy = [head for head in heads if edges(head) <= settings.worth * edges(heads[0])]
    found = min((clean_up(masking, train, held_out, head, target) for head in worthy), key=edges)
    return replace(found, bisected=heads[0].gates)


def bisect(masking: Masking, train: Groups, held_out: Groups, settings: PruneTask, price: float) -> PrunedCircuit:
    """Return the smallest head of a ranking learnt on `train` whose loss on held-out pairs is within the target."""
    ranking, _ = learn_masks(masking, train, settings, price)

    def head(size: int) -> PrunedCircuit:
        gates = torch.zeros(len(ranking), device=ranking.device)
        gates[ranking[:size]] = 1
        return _measured(masking, train, held_out, gates, price)

    return head(smallest(len(ranking), lambda size: head(size).held_out_loss <= settings.target))


def clean_up(masking: Masking, train: Groups, held_out: Groups, found: PrunedCircuit, target: float) -> PrunedCircuit:
    """Return a circuit with those gates closed that the task loss does not need.

    It stays at or below the target on held-out pairs and on the others. The least needed go first, all at once, else
    each half by itself, down to single ones: gate by gate takes many times as long where a ranking left thousands.
    """
    order = torch.argsort(gate_scores(masking, train, found.gates), stable=True)
    waiting = [order[found.gates[order] > 0]]
    with Progress(total=len(waiting[0]), desc="clean up", unit="gate") as progress:
        while waiting:
            part = waiting.pop()
            gates = found.gates.clone()
            gates[part] = 0
            fewer = _measured(masking, train, held_out, gates, found.price, enough=target)
            if max(fewer.held_out_loss, fewer.others_loss) <= target:
                found = replace(fewer, bisected=found.bisected)
            elif len(part) > 1:
                waiting += part.tensor_split(2)[::-1]
                continue
            progress.update(len(part))
    return found


def _measured(
    masking: Masking, train: Groups, held_out: Groups, gates: Tensor, price: float, enough: float = inf
) -> PrunedCircuit:
    """Measure a circuit, without its idle nodes.

    Where the loss on the others is above `enough`, held-out pairs are not asked: their loss is infinite.
    """
    index = masking.index
    gates = index.join(without_idle(masking.model, index.split(gates)))

    def loss(choices: Choices) -> float:
        return choices.calibrated(calibration).task_loss.item()

    choices = masking.choices(train, gates)
    calibration = calibrate(choices)
    others = loss(choices)
    held = loss(masking.choices(held_out, gates)) if others <= enough else inf
    return PrunedCircuit(gates, calibration, held, others, gates, price)


def whole_loss(masking: Masking, groups: Groups) -> float:
    """Return the whole model's task loss on the pairs that `prune_circuit` holds out, calibrated on the others."""
    train, held_out = (masking.choices(part) for part in split_pairs(groups, HELD_OUT))
    return held_out.calibrated(calibrate(train)).task_loss.item()


def _batches(groups: Groups, settings: PruneTask, generator: torch.Generator) -> Iterator[PairBatch]:
    """Yield as many batches of pairs of one length as there are steps, each length as often as it has pairs."""
    weights = torch.tensor([float(len(indices)) for indices, _ in groups])
    for _ in range(settings.steps):
        _, batch = groups[int(torch.multinomial(weights, 1, generator=generator))]
        yield batch.take(torch.randperm(len(batch), generator=generator)[: settings.batch].tolist())
