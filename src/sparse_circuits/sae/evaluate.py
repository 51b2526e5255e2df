"""How good an autoencoder is: reconstruction of held-out activations, and what the model does with them."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sparse_circuits.activations import Sequences, Statistics
from sparse_circuits.config import Site
from sparse_circuits.models import Language, run
from sparse_circuits.models.run import cross_entropy
from sparse_circuits.sae.autoencoder import NEVER_FIRED, SparseAutoencoder
from sparse_circuits.sae.cosines import largest_cosines

DENSE = 0.1  # a feature that fires on a larger share of the rows is dense
DENSITY_EDGES = np.arange(-8, 0.5, 0.5)  # of the histogram of log10 firing shares; the same for all, to compare them
BOOTSTRAP = 1000
WITH_INTERVAL = ("l0", "fvu", "explained_variance", "ce_recovered", "kl_recovered")

# What is summed over the tokens of each sequence, by name: (sequence,), or (sequence, d_in) for `x` and `error`.
Sums = dict[str, Tensor]


@torch.no_grad()
def evaluate_autoencoder(
    language: Language,
    sequences: Sequences,
    site: Site,
    sae: SparseAutoencoder,
    statistics: Statistics,
    sparsity: Tensor,
    batch: int,
    seed: int,
) -> dict[str, Any]:
    """Return the measures of one SAE over held-out sequences.

    `fvu` is the fraction of variance unexplained, E|x - x̂|² / (E|x|² - |E x|²), and `explained_variance` is 1 - fvu,
    both as in SAELens; sums are fp64. `explained_variance_centred` takes the mean off the error too, as
    dictionary_learning does. `cosine` and `l2_ratio` are the means of cos(x, x̂) and |x̂| / |x|.

    `ce_recovered` is (CE_zero - CE_sae) / (CE_zero - CE_clean) in nats a token, where x̂ or zeros stand for the
    activation; `kl_recovered` is 1 - KL_sae / KL_zero, of the clean next-token distribution from the changed one. The
    separator and sinks, on which no SAE is trained, keep their activation and are not counted.

    `ci95` holds 95 % bootstrap intervals. Whole sequences are drawn, by `seed`: tokens of one sequence depend on each
    other, and drawn one by one they would make the intervals too narrow.

    `sparsity` (d_sae,) is log10 of each feature's firing share in the last epoch of training; `dead_fraction` is the
    share of features that never fired in it. `dense_fraction` and `density` are of the held-out rows. `decoder_cosine`
    is, over the features, mean and 95th percentile of the largest cosine with another row of W_dec.
    """
    parts: list[Sums] = []
    fired = torch.zeros(sae.width, dtype=torch.float64)
    tokens = torch.from_numpy(sequences.token_id).long()
    for rows in tqdm(tokens.split(batch), desc=f"evaluate {site}", unit="batch", disable=None):
        sums, firing = _sums(language, rows.to(language.device), site, sae, statistics.sink_norm)
        parts.append({name: values.double().cpu() for name, values in sums.items()})
        fired += firing.cpu()
    sums = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    totals = {name: values.sum(dim=0) for name, values in sums.items()}
    found = {name: value.item() for name, value in _measures(totals).items()}
    density = (fired / totals["rows"]).numpy()
    cosines = largest_cosines(sae.W_dec)
    return {
        "site": str(site),
        "architecture": sae.architecture,
        "d_in": sae.W_enc.shape[0],
        "d_sae": sae.width,
        **found,
        "ce": {name: (totals[f"ce_{name}"] / totals["predictions"]).item() for name in ("clean", "sae", "zero")},
        "kl": {name: (totals[f"kl_{name}"] / totals["predictions"]).item() for name in ("sae", "zero")},
        "ci95": _intervals(sums, seed),
        "dead_fraction": (sparsity <= NEVER_FIRED).double().mean().item(),
        "dense_fraction": float((density > DENSE).mean()),
        "density": {
            "log10_edges": DENSITY_EDGES.tolist(),
            "features": np.histogram(np.log10(density[density > 0]), DENSITY_EDGES)[0].tolist(),
            "silent": int((density == 0).sum()),
        },
        "decoder_cosine": {
            "mean": cosines.mean().item(),
            "p95": float(np.quantile(cosines.cpu().numpy(), 0.95)),
        },
        "tokens": int(totals["rows"]),
    }


def _sums(
    language: Language, tokens: Tensor, site: Site, sae: SparseAutoencoder, sink_norm: float
) -> tuple[Sums, Tensor]:
    """Sums over the tokens of each sequence, and on how many tokens each feature fires (d_sae,)."""
    clean = run(language, tokens, read=[site], logits="all")
    assert clean.logits is not None
    x = clean.activations[site]
    used = x.norm(dim=2) <= sink_norm
    used[:, 0] = False
    features = sae.encode(x)
    fires = (features != 0) & used.unsqueeze(2)
    reconstruction = torch.where(used.unsqueeze(2), sae.decode(features), x)
    data, error = (x * used.unsqueeze(2)).double(), (x - reconstruction).double()
    cosine = torch.nn.functional.cosine_similarity(x, reconstruction, dim=2)
    sums = {
        "rows": used.sum(dim=1),
        "active": fires.sum(dim=(1, 2)),
        "x": data.sum(dim=1),
        "squares": data.square().sum(dim=(1, 2)),
        "error": error.sum(dim=1),
        "errors": error.square().sum(dim=(1, 2)),
        "cosine": (cosine * used).double().sum(dim=1),
        "l2_ratio": (reconstruction.norm(dim=2) / x.norm(dim=2) * used).double().sum(dim=1),
        "predictions": torch.full((len(tokens),), tokens.shape[1] - 1),
        "ce_clean": cross_entropy(clean.logits, tokens).double().sum(dim=1),
    }
    zeros = torch.where(used.unsqueeze(2), 0, x)
    for name, replacement in (("sae", reconstruction), ("zero", zeros)):
        logits = _logits(language, tokens, site, replacement)
        sums[f"ce_{name}"] = cross_entropy(logits, tokens).double().sum(dim=1)
        sums[f"kl_{name}"] = _divergence(clean.logits, logits)
    return sums, fires.sum(dim=(0, 1))


def _logits(language: Language, tokens: Tensor, site: Site, replacement: Tensor) -> Tensor:
    if site.kind == "resid_post":
        logits = run(language, tokens, start=(site, replacement), logits="all").logits
    else:
        logits = run(language, tokens, edit={site: lambda _: replacement}, logits="all").logits
    assert logits is not None
    return logits


def _divergence(clean: Tensor, changed: Tensor) -> Tensor:
    """KL(clean || changed) in nats, summed over the predictions that the loss counts: (sequence,)."""
    # One sequence at a time: the log-probabilities of all would double the memory.
    return torch.stack(
        [
            torch.nn.functional.kl_div(q.log_softmax(1), p.log_softmax(1), reduction="sum", log_target=True)
            for p, q in zip(clean[:, :-1], changed[:, :-1], strict=True)
        ]
    )


def _measures(total: Sums) -> Sums:
    """What sums over some sequences amount to; one more axis in front of all of them is kept."""
    n = total["rows"]
    variance = total["squares"] / n - (total["x"] / n.unsqueeze(-1)).square().sum(dim=-1)
    mean_error = total["errors"] / n
    centred_error = mean_error - (total["error"] / n.unsqueeze(-1)).square().sum(dim=-1)
    return {
        "l0": total["active"] / n,
        "fvu": mean_error / variance,
        "explained_variance": 1 - mean_error / variance,
        "explained_variance_centred": 1 - centred_error / variance,
        "cosine": total["cosine"] / n,
        "l2_ratio": total["l2_ratio"] / n,
        "ce_recovered": (total["ce_zero"] - total["ce_sae"]) / (total["ce_zero"] - total["ce_clean"]),
        "kl_recovered": 1 - total["kl_sae"] / total["kl_zero"],
    }


def _intervals(sums: Sums, seed: int) -> dict[str, list[float]]:
    """95 % bootstrap intervals over sequences: each resample takes a sequence's sums as often as it was drawn."""
    sequences = len(sums["rows"])
    draws = torch.from_numpy(np.random.default_rng(seed).integers(0, sequences, (BOOTSTRAP, sequences)))
    times = torch.zeros(BOOTSTRAP, sequences, dtype=torch.float64)
    times.scatter_add_(1, draws, torch.ones_like(times))
    measures = _measures({name: times @ values for name, values in sums.items()})
    bounds = torch.tensor([0.025, 0.975], dtype=torch.float64)
    return {name: torch.quantile(measures[name], bounds).tolist() for name in WITH_INTERVAL}
