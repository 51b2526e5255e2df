"""Speed of edges all at once beside a loop of one backward pass for each downstream feature, which must agree.

The loop is the plain one: a pass from one site to the next, once; for each feature one backward pass that ends at the
upstream site, and one product with the decoder rows of all sources. It is timed on a sample of the features and counts
for as many as it had. Autoencoders are the study's own, or, where only the residual stream lies between two sites,
random ones of the same size. It needs a finished study: `python benchmarks/edges.py`.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import normalize

from common import Row, compare, now, publish
from finished import Finished
from sparse_circuits.base.compute import choose_device, set_up
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.machine import cores
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.basis import Features, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.edges import feature_edges
from sparse_circuits.command import program
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model
from sparse_circuits.models.run import run, standing
from sparse_circuits.sae.autoencoder import SparseAutoencoder
from sparse_circuits.tasks.pairs import PairBatch

METHOD = "attribution_patching"
AGREEMENT = 1e-5  # largest difference, of the largest weight


@dataclass(frozen=True)
class Arguments:
    study: Finished = field(default_factory=lambda: Finished(sites=["resid_post.4", "resid_post.9"]))
    task: str = "nounpp"
    """name of the task"""
    pairs: int = 16
    """pairs over which edges are averaged"""
    sample: int = 16
    """features on which the loop is timed"""
    rounds: int = 3
    """rounds; each measures everything once"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N"""
    threads: int = field(default_factory=cores)
    """CPU threads"""


def main(args: Arguments) -> None:
    set_up(args.threads)
    device = choose_device(args.device)
    setup = args.study.set_up(f"{args.task}/train", args.pairs, device)
    _, batch = max(setup.groups, key=lambda group: len(group[0]))
    batch = batch.to(device)
    trained = {site: part for site, part in setup.basis.items() if isinstance(part, Features)}
    beside = {Site("mlp_out", 9): random_features(0, device), Site("resid_post", 9): random_features(1, device)}
    rows: list[Row] = []
    for what, basis, count in (
        ("five layers between, all active features", trained, None),
        ("five layers between, 100 features a site", trained, 100),
        ("five layers between, 10 features a site", trained, 10),
        ("the residual stream between, all active features", beside, None),
    ):
        # The residual stream's own case is frozen in any way that gradients may pass.
        rows.append(measure(setup.model, batch, basis, count, what, args, target=10.0 if count is None else None))
        publish("edges", device, rows, [f"Both agree to {AGREEMENT:g} of the largest weight."])


def measure(
    model: Model,
    batch: PairBatch,
    basis: dict[Site, Features],
    count: int | None,
    what: str,
    args: Arguments,
    target: float | None,
) -> Row:
    """Compare downstream features a second; raise StudyError where the two differ."""
    found = METHODS[METHOD](model, batch, list(basis), 1)
    kept = {site: strongest(part, found[site].clean, found[site].patch, count) for site, part in basis.items()}
    nodes = [Node(site, index) for site, indices in kept.items() for index in indices]
    up, down = basis
    ours, rival = [], []
    for _ in range(args.rounds):
        begin = now(model.device)
        edges = feature_edges(Bench(model, [(list(range(len(batch))), batch)], basis), nodes, Scoring.of(METHOD, 1))
        ours.append(len(kept[down]) / (now(model.device) - begin))
        spread = kept[down][:: max(1, len(kept[down]) // args.sample)]
        begin = now(model.device)
        looped = loop(model, batch, basis, kept[up], spread)
        rival.append(len(spread) / (now(model.device) - begin))
    weights = {edge[:2]: edge[2] for edge in edges}
    largest = max(map(abs, weights.values()))
    expected = dict(zip([(f"{up}/{u}", f"{down}/{d}") for d in spread for u in kept[up]], looped, strict=True))
    worst = max(abs(weights[key] - value) for key, value in expected.items())
    if worst > AGREEMENT * largest:
        raise StudyError(f"{what}: differ by {worst / largest:.2g} of the largest weight")
    return compare(f"edges, {what} ({len(kept[up])} into {len(kept[down])})", "features/s", ours, rival, target)


@torch.no_grad()
def strongest(dictionary: Features, clean: Tensor, patch: Tensor, count: int | None) -> list[int]:
    """The features that change most from clean to patch; all that do, where there is no count."""
    change = (dictionary.read(patch) - dictionary.read(clean)).abs().sum(dim=(0, 1))
    changing = int((change > 0).sum())
    return sorted(change.topk(changing if count is None else min(count, changing)).indices.tolist())


def loop(
    model: Model, batch: PairBatch, basis: dict[Site, Features], sources: list[int], targets: list[int]
) -> list[float]:
    """Weights of the edges from all sources into each target in turn, by one backward pass a target."""
    up, down = basis
    found = METHODS[METHOD](model, batch, [up, down], 1)
    x_up = found[up].clean.clone().requires_grad_()
    x_down = run(model, batch.clean, **standing(up, x_up), read=[down]).activations[down]
    weights: list[float] = []
    sae = basis[down].sae
    with torch.no_grad():
        change = (basis[up].read(found[up].patch) - basis[up].read(found[up].clean))[..., sources]
        written = basis[up].sae.W_dec[sources].T
        active = (basis[down].read(found[down].clean) != 0) | (basis[down].read(found[down].patch) != 0)
    for feature in targets:
        through = (found[down].gradient @ sae.W_dec[feature]) * active[..., feature]
        cotangent = through.unsqueeze(2) * sae.W_enc[:, feature]
        (gradient,) = torch.autograd.grad(x_down, x_up, cotangent, retain_graph=True)
        weights += ((gradient @ written) * change).sum(dim=1).mean(dim=0).tolist()
    return weights


def random_features(seed: int, device: torch.device) -> Features:
    """A TopK autoencoder with random directions."""
    generator = torch.Generator().manual_seed(seed)
    W_dec = normalize(torch.randn(4608, 576, generator=generator), dim=1)
    sae = SparseAutoencoder("topk", W_dec.T.contiguous(), torch.zeros(4608), W_dec, torch.zeros(576), k=32)
    return Features(sae.to(device))


if __name__ == "__main__":
    program(main)
