"""How good an autoencoder is: reconstruction of held-out activations, and what the model does with them."""

from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.activations import Sequences, Statistics
from sparse_circuits.config import Site
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import cross_entropy
from sparse_circuits.sae.autoencoder import NEVER_FIRED, SparseAutoencoder


@torch.no_grad()
def evaluate_autoencoder(
    language: Language,
    sequences: Sequences,
    site: Site,
    sae: SparseAutoencoder,
    statistics: Statistics,
    sparsity: Tensor,
    batch: int,
) -> dict[str, Any]:
    """Return the measures of one SAE over held-out sequences.

    `fvu` is the fraction of variance unexplained, E|x - x̂|² / (E|x|² - |E x|²), and `explained_variance` is 1 - fvu,
    both as in SAELens; sums are fp64. `explained_variance_centred` takes the mean off the error too, as
    dictionary_learning does. `ce_recovered` is (CE_zero - CE_sae) / (CE_zero - CE_clean) in nats a token, where x̂ or
    zeros stand for the activation. The separator and sinks, on which no SAE is trained, keep their activation and are
    not counted. `sparsity` (d_sae,) is log10 of each feature's firing share in the last epoch of training;
    `dead_fraction` is the share of features that never fired in it.
    """
    d_in = sae.W_enc.shape[0]
    total = {name: torch.zeros((), dtype=torch.float64) for name in ("rows", "squares", "errors", "active")}
    sum_x, sum_error = (torch.zeros(d_in, dtype=torch.float64) for _ in range(2))
    losses: dict[str, list[Tensor]] = {"clean": [], "sae": [], "zero": []}
    tokens = torch.from_numpy(sequences.token_id).long()
    for rows in tqdm(tokens.split(batch), desc=f"evaluate {site}", unit="batch", disable=None):
        rows = rows.to(language.device)
        clean = run(language, rows, read=[site], logits="all")
        assert clean.logits is not None
        x = clean.activations[site]
        used = x.norm(dim=2) <= statistics.sink_norm
        used[:, 0] = False
        features = sae.encode(x)
        reconstruction = sae.decode(features)
        losses["clean"].append(cross_entropy(clean.logits, rows))
        for name, replacement in (("sae", reconstruction), ("zero", torch.zeros_like(x))):
            losses[name].append(_loss(language, rows, site, torch.where(used.unsqueeze(2), replacement, x)))
        data, error = x[used].double().cpu(), (x - reconstruction)[used].double().cpu()
        total["rows"] += len(data)
        total["squares"] += data.square().sum()
        total["errors"] += error.square().sum()
        total["active"] += (features[used] != 0).sum().cpu()
        sum_x += data.sum(dim=0)
        sum_error += error.sum(dim=0)
    n = total["rows"]
    variance = total["squares"] / n - (sum_x / n).square().sum()
    mean_error = total["errors"] / n
    centred_error = mean_error - (sum_error / n).square().sum()
    ce = {name: torch.cat(parts).double().mean().item() for name, parts in losses.items()}
    fvu = (mean_error / variance).item()
    return {
        "site": str(site),
        "architecture": sae.architecture,
        "d_in": d_in,
        "d_sae": sae.width,
        "l0": (total["active"] / n).item(),
        "fvu": fvu,
        "explained_variance": 1 - fvu,
        "explained_variance_centred": 1 - (centred_error / variance).item(),
        "ce_recovered": (ce["zero"] - ce["sae"]) / (ce["zero"] - ce["clean"]),
        "ce": ce,
        "dead_fraction": (sparsity <= NEVER_FIRED).double().mean().item(),
        "tokens": int(n),
    }


def _loss(language: Language, tokens: Tensor, site: Site, replacement: Tensor) -> Tensor:
    if site.kind == "resid_post":
        logits = run(language, tokens, start=(site, replacement), logits="all").logits
    else:
        logits = run(language, tokens, edit={site: lambda _: replacement}, logits="all").logits
    assert logits is not None
    return cross_entropy(logits, tokens)
