"""Training a transformer with almost all weights zero (Gao et al. 2025, appendix A.2); with share 1 its dense twin."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sparse_circuits.base.checkpoint import Checkpoint, told_to_stop
from sparse_circuits.base.compute import matmul_precision
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.progress import Progress
from sparse_circuits.config.network import Network
from sparse_circuits.models.run import cross_entropy, model_precision
from sparse_circuits.models.weight_sparse import MLP, Attention, WeightSparseForCausalLM
from sparse_circuits.weight_sparse.projection import project_
from sparse_circuits.weight_sparse.schedule import learning_rate, share_of_weights

LOG_EVERY = 20  # steps
BETAS = (0.9, 0.95)
SMALLEST_RMS = 1e-5


def sparse_matrices(model: WeightSparseForCausalLM) -> list[tuple[Tensor, int | None]]:
    """Return the matrices that become sparse, each with the axis along which a neuron or channel has its weights.

    Rows are what a neuron, query, key or value reads, columns of `c_proj` what it writes; where images are embedded,
    rows are what a channel reads of a patch. The table of tokens and the unembedding have no such axis (None); biases,
    norms, sinks and the bigram table stay dense, as in OpenAI's released script.
    """
    embedding = model.get_input_embeddings()
    found: list[tuple[Tensor, int | None]] = [
        (embedding.get_parameter("weight"), 1 if isinstance(embedding, nn.Linear) else None),
        (model.lm_head.weight, None),
    ]
    for module in model.modules():
        if isinstance(module, Attention):
            found += [(module.c_attn.weight, 1), (module.c_proj.weight, 0)]
        elif isinstance(module, MLP):
            found += [(module.c_fc.weight, 1), (module.c_proj.weight, 0)]
    return found


def train(
    model: WeightSparseForCausalLM,
    sequences: Callable[[int], Tensor],
    entry: Network,
    steps: int,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
) -> list[dict[str, Any]]:
    """Train a model in place; return its log. `sequences` gives the tokens (batch, position) of a step.

    After each step all but the largest weights of each matrix are set to 0. Gradients are divided by their root mean
    square; they and Adam's moments stay dense, so that a weight can come back. With a checkpoint, a run of the same
    spec that was stopped goes on where it was saved. Raises StudyError when the loss is no longer a number, and when
    the process is told to end, after saving.
    """
    model.train().requires_grad_(True).to(device=device)
    model.final_logits_bias.requires_grad_(False)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, betas=BETAS, eps=entry.epsilon, weight_decay=entry.weight_decay, fused=True
    )
    matrices = sparse_matrices(model)
    begin, log = checkpoint.load(model, optimizer, device) if checkpoint else (0, None)
    log = log or []
    with told_to_stop() as signals:
        for step in Progress(range(begin, steps), total=steps, initial=begin, desc="train"):
            progress = step / steps
            share = share_of_weights(progress, entry.share, entry.anneal_until, entry.anneal)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(progress, share, entry.learning_rate)
            optimizer.zero_grad(set_to_none=True)
            loss = backward(model, sequences(step).to(device), entry.passes)
            normalise_gradients(parameters)
            optimizer.step()
            if share < 1:
                for weight, axis in matrices:
                    project_(weight, share, entry.least if axis is not None else 0, axis or 0)
            if step % LOG_EVERY == 0 or step == steps - 1:
                if not math.isfinite(loss.item()):
                    raise StudyError(f"training diverged at step {step}: loss {loss.item()}; lower learning_rate")
                log.append({"step": step, "loss": round(loss.item(), 5), "share": round(share, 6)})
            if checkpoint and (checkpoint.due or signals):
                checkpoint.save(step + 1, model, optimizer, log)
            if signals:
                kept = f"state saved in {checkpoint.path}, the next run goes on" if checkpoint else "nothing was saved"
                raise StudyError(f"told to stop after {step + 1} of {steps} steps; {kept}")
    model.eval().requires_grad_(False)
    return log


def backward(model: WeightSparseForCausalLM, tokens: Tensor, passes: int) -> Tensor:
    """Add the gradients of the mean loss on tokens (batch, position), in so many passes; return that loss."""
    losses = []
    for part in tokens.chunk(passes):
        loss = next_token_loss(model, part).mean() * (len(part) / len(tokens))
        loss.backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum()


def next_token_loss(model: WeightSparseForCausalLM, tokens: Tensor) -> Tensor:
    """Return the loss in nats of each next token, to train on: (batch, position) -> (batch, position - 1)."""
    with matmul_precision(tokens.device):
        logits = model(tokens).logits
    return cross_entropy(logits.float(), tokens)


def normalise_gradients(parameters: list[nn.Parameter]) -> None:
    """Divide all gradients by their common root mean square, in place."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    rms = norm / math.sqrt(sum(g.numel() for g in gradients))
    torch._foreach_div_(gradients, rms + SMALLEST_RMS)


@torch.no_grad()
def held_out_loss(model: WeightSparseForCausalLM, sequences: Tensor, batch: int) -> float:
    """Return the mean loss in nats of a next token over sequences (sequence, position), summed in fp64."""
    losses = []
    for part in sequences.to(model.device).split(batch):
        with model_precision(model):
            losses.append(cross_entropy(model(part).logits, part).double())
    return torch.cat(losses).mean().item()


def in_random_order(sequences: Tensor, batch: int, seed: int) -> Callable[[int], Tensor]:
    """Return what gives the batch of a step: sequences in a random order, another one in each round over the data."""
    steps = len(sequences) // batch

    def of(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step // steps)
        order = torch.randperm(len(sequences), generator=generator)
        return sequences[order[step % steps * batch : (step % steps + 1) * batch]]

    return of
