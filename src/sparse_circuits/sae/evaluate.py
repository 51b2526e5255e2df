"""How good an autoencoder or transcoder is: what it makes of held-out activations, and what the model does then."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparse_circuits.activations.sequences import Sequences
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.base.progress import Progress
from sparse_circuits.base.statistics import interval95, resamples
from sparse_circuits.config.evaluate_sae import EvaluateSAE
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.predicted import compare, last_site
from sparse_circuits.models.run import Edit, run, standing
from sparse_circuits.sae.autoencoder import NEVER_FIRED
from sparse_circuits.sae.coder import Coder
from sparse_circuits.sae.cosines import largest_cosines
from sparse_circuits.sae.cross_layer import CrossLayerTranscoder

DENSE = 0.1  # a feature that fires on a larger share of the rows is dense
DENSITY_EDGES = np.arange(-8, 0.5, 0.5)  # of the histogram of log10 firing shares; the same for all, to compare them
LOSSES = ("ce_clean", "ce_sae", "ce_zero", "kl_sae", "kl_zero")
TOGETHER = "together"  # in place of a site's name: all sites written at once
WITH_INTERVAL = ("l0", "fvu", "explained_variance", "ce_recovered", "kl_recovered")

# What is summed over the tokens of each sequence, by name: (sequence,), or (sequence, width) for `x` and `error`.
Sums = dict[str, Tensor]


@torch.no_grad()
def evaluate_coder(
    model: Model,
    sequences: Sequences,
    sae: Coder,
    sink_norms: Mapping[Site, float],
    sparsity: Tensor,
    settings: EvaluateSAE,
) -> SAEEvaluation:
    """Return the measures of one autoencoder or transcoder over held-out sequences.

    x is the activation at a site that is written, x̂ what stands for it. `fvu` is the fraction of variance unexplained,
    E|x - x̂|² / (E|x|² - |E x|²), and `explained_variance` is 1 - fvu, both as in SAELens; sums are fp64.
    `explained_variance_centred` takes the mean off the error too, as dictionary_learning does. `cosine` and `l2_ratio`
    are the means of cos(x, x̂) and |x̂| / |x|.

    `ce_recovered` is (CE_zero - CE_sae) / (CE_zero - CE_clean) in nats a token, where x̂ or zeros stand for the
    activation; `kl_recovered` is 1 - KL_sae / KL_zero, of the clean next-token distribution from the changed one. The
    separator and sinks at any of the sites (norms above `sink_norms`), on which no SAE is trained, keep their
    activation and are not counted.

    Where several sites are written, each is measured by itself (`by_site`), x̂ standing for that site's activation
    alone, and the measures are means over the sites. For a cross-layer transcoder `together` says what the model does
    when x̂ stands at all of them, worked out of what the changed model reads.

    `ci95` holds 95 % bootstrap intervals. Whole sequences are drawn: tokens of one sequence depend on each
    other, and drawn one by one they would make the intervals too narrow.

    `sparsity` (d_sae,) is log10 of each feature's firing share in the last epoch of training; `dead_fraction` is the
    share of features that never fired in it. `dense_fraction` and `density` are of the held-out rows. `decoder_cosine`
    is, over the features, mean and 95th percentile of the largest cosine with another row of W_dec.
    """
    reads, writes = settings.sites
    parts: list[dict[str, Sums]] = []
    fired = torch.zeros(sae.width, dtype=torch.float64)
    tokens = torch.from_numpy(sequences.token_id).long()
    for rows in Progress(tokens.split(settings.batch), desc=f"evaluate {settings.place}", unit="batch"):
        found, firing = _sums(model, rows.to(model.device), reads, writes, sae, sink_norms)
        parts.append({where: {name: v.double().cpu() for name, v in sums.items()} for where, sums in found.items()})
        fired += firing.cpu()
    sums = {
        where: {name: torch.cat([part[where][name] for part in parts]) for name in parts[0][where]}
        for where in parts[0]
    }
    totals = {where: {name: values.sum(dim=0) for name, values in one.items()} for where, one in sums.items()}
    together = totals.pop(TOGETHER, None)
    by_site = {where: _plain(_measures(one)) | _grouped(_losses(one)) for where, one in totals.items()}
    density = (fired / next(iter(totals.values()))["rows"]).numpy()
    cosines = torch.cat([largest_cosines(decoder) for decoder in sae.decoders])
    evaluation = {
        "site": settings.place,
        "architecture": sae.architecture,
        "d_in": sae.d_in,
        "d_sae": sae.width,
        **_plain(_mean(_measures, totals.values())),
        **_grouped(_mean(_losses, totals.values())),
        "ci95": _intervals([sums[where] for where in totals], settings.seed),
        "dead_fraction": (sparsity <= NEVER_FIRED).double().mean().item(),
        "dense_fraction": float((density > DENSE).mean()),
        "density": {
            "log10_edges": DENSITY_EDGES.tolist(),
            "features": np.histogram(np.log10(density[density > 0]), DENSITY_EDGES)[0].tolist(),
            "silent": int((density == 0).sum()),
        },
        "decoder_cosine": {"mean": cosines.mean().item(), "p95": float(np.quantile(cosines.cpu().numpy(), 0.95))},
        "tokens": int(next(iter(totals.values()))["rows"]),
        **({"by_site": by_site} if len(by_site) > 1 else {}),
        **({"together": _plain(_recovered(together)) | _grouped(_losses(together))} if together else {}),
    }
    return SAEEvaluation.model_validate(evaluation)


def _sums(
    model: Model,
    tokens: Tensor,
    reads: Sequence[Site],
    writes: Sequence[Site],
    sae: Coder,
    sink_norms: Mapping[Site, float],
) -> tuple[dict[str, Sums], Tensor]:
    """Sums over the tokens of each sequence, by site written; and on how many tokens each feature fires (d_sae,)."""
    last = last_site(model)
    clean = run(model, tokens, read=[*reads, *writes, last]).activations
    used = torch.stack([clean[site].norm(dim=2) <= sink_norms[site] for site in {*reads, *writes}]).all(dim=0)
    used[:, 0] = False
    x = torch.cat([clean[site] for site in reads], dim=2)
    fires = (sae.encode(x) != 0) & used.unsqueeze(2)
    written = sae.reconstruct(x).split([clean[site].shape[2] for site in writes], dim=2)
    errors, changed = {}, {}
    for site, prediction in zip(writes, written, strict=True):
        put_in = torch.where(used.unsqueeze(2), prediction, clean[site])
        zeros = torch.where(used.unsqueeze(2), 0, clean[site])
        errors[str(site)] = _errors(clean[site], put_in, used)
        changed[str(site)] = {"sae": standing(site, put_in), "zero": standing(site, zeros)}
    if isinstance(sae, CrossLayerTranscoder):
        nothing: dict[Site, Edit] = dict.fromkeys(writes, lambda x: torch.where(used.unsqueeze(2), 0, x))
        changed[TOGETHER] = {"sae": {"edit": _in_turn(sae, reads, writes, used)}, "zero": {"edit": nothing}}
    hidden = [clean[last]]
    for models in changed.values():
        hidden += [run(model, tokens, read=[last], **how).activations[last] for how in models.values()]
    original, *effects = compare(tokens, [(model, one) for one in hidden])
    shared = {
        "rows": used.sum(dim=1),
        "active": fires.sum(dim=(1, 2)),
        "predictions": torch.full((len(tokens),), original.loss.shape[1]),
        "ce_clean": original.loss.double().sum(dim=1),
    }
    found = {where: shared | errors.get(where, {}) for where in changed}
    names = [(where, name) for where, models in changed.items() for name in models]
    for (where, name), one in zip(names, effects, strict=True):
        found[where] |= {f"{kind}_{name}": v.double().sum(dim=1) for kind, v in (("ce", one.loss), ("kl", one.kl))}
    return found, fires.sum(dim=(0, 1))


def _errors(x: Tensor, reconstruction: Tensor, used: Tensor) -> Sums:
    data, error = (x * used.unsqueeze(2)).double(), (x - reconstruction).double()
    cosine = torch.nn.functional.cosine_similarity(x, reconstruction, dim=2)
    return {
        "x": data.sum(dim=1),
        "squares": data.square().sum(dim=(1, 2)),
        "error": error.sum(dim=1),
        "errors": error.square().sum(dim=(1, 2)),
        "cosine": (cosine * used).double().sum(dim=1),
        "l2_ratio": (reconstruction.norm(dim=2) / x.norm(dim=2) * used).double().sum(dim=1),
    }


def _in_turn(
    sae: CrossLayerTranscoder, reads: Sequence[Site], writes: Sequence[Site], used: Tensor
) -> dict[Site, Edit]:
    """Edits that put at each output what the layers up to it write, each of what it reads in the changed pass."""
    outputs = list(sae.b_dec)

    def reading(layer: int) -> Edit:
        def edit(x: Tensor) -> Tensor:
            for later, part in enumerate(sae.written_by(layer, x), layer):
                outputs[later] = outputs[later] + part
            return x

        return edit

    def writing(layer: int) -> Edit:
        return lambda x: torch.where(used.unsqueeze(2), outputs[layer], x)

    return {site: reading(layer) for layer, site in enumerate(reads)} | {
        site: writing(layer) for layer, site in enumerate(writes)
    }


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
        **_recovered(total),
    }


def _recovered(total: Sums) -> Sums:
    return {
        "ce_recovered": (total["ce_zero"] - total["ce_sae"]) / (total["ce_zero"] - total["ce_clean"]),
        "kl_recovered": 1 - total["kl_sae"] / total["kl_zero"],
    }


def _losses(total: Sums) -> Sums:
    """Nats a prediction."""
    return {name: total[name] / total["predictions"] for name in LOSSES}


def _mean(of: Callable[[Sums], Sums], sites: Iterable[Sums]) -> Sums:
    """The mean over sites of what `of` gives."""
    found = [of(one) for one in sites]
    return {name: torch.stack([one[name] for one in found]).mean(dim=0) for name in found[0]}


def _grouped(losses: Sums) -> dict[str, dict[str, float]]:
    """`ce_clean` as ce: {clean: ...}."""
    grouped: dict[str, dict[str, float]] = {}
    for name, value in losses.items():
        measure, _, model = name.partition("_")
        grouped.setdefault(measure, {})[model] = value.item()
    return grouped


def _plain(measures: Sums) -> dict[str, Any]:
    return {name: value.item() for name, value in measures.items()}


def _intervals(sites: Sequence[Sums], seed: int) -> dict[str, list[float]]:
    """95 % bootstrap intervals over sequences: each resample takes a sequence's sums as often as it was drawn."""
    draws = resamples(len(sites[0]["rows"]), seed)
    times = torch.zeros(draws.shape, dtype=torch.float64)
    times.scatter_add_(1, draws, torch.ones_like(times))
    measures = _mean(_measures, ({name: times @ values for name, values in sums.items()} for sums in sites))
    return {name: interval95(measures[name]).tolist() for name in WITH_INTERVAL}
