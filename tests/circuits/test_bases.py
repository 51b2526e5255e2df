"""Nodes of every kind, summed over positions or not, and every ablation: each is what an intervention by hand gives."""

from pathlib import Path

import pytest
import torch

from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.ablation import Circuit
from sparse_circuits.circuits.attribution.exact_patching import exact_effects
from sparse_circuits.circuits.attribution.registry import METHODS
from sparse_circuits.circuits.attribution.score import score_nodes
from sparse_circuits.circuits.basis import Basis, Coordinates, Features, Node
from sparse_circuits.circuits.bench import Bench
from sparse_circuits.circuits.evidence import lower_bound, mean_and_error
from sparse_circuits.circuits.fills import mean_ablation, resample_ablation, zero_ablation
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.models.load import Model, load_tokenizer
from sparse_circuits.models.run import run
from sparse_circuits.sae.autoencoder import SparseAutoencoder, save_autoencoder
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.metric import logit_difference
from sparse_circuits.tasks.pairs import Groups, PairBatch, encode_pairs
from worlds.checkout import ROOT

CUT = Site("resid_post", 0)
METRIC = 10**6  # tokens a pass: all at once


def _coder(seed: int, architecture: str = "topk", k: int = 6) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(seed)
    W_dec = torch.nn.functional.normalize(torch.randn(96, 32, generator=generator), dim=1)
    bias = torch.randn(32, generator=generator)
    centred = architecture == "topk"
    return SparseAutoencoder(architecture, W_dec.T.contiguous(), torch.zeros(96), W_dec, bias, k=k, centred=centred)


@pytest.fixture(scope="module")
def groups(tiny_folder: Path) -> Groups:
    """Pairs of one length."""
    tokenizer = load_tokenizer(tiny_folder)
    (group,) = encode_pairs(agreement_pairs("simple", "train", 6, 0, tokenizer), tokenizer, 0)
    return [group]


BASES: dict[str, Basis] = {
    "features": {CUT: Features(_coder(0)), Site("resid_post", 1): Features(_coder(1))},
    "every sublayer": {
        Site(kind, 1): Features(_coder(n)) for n, kind in enumerate(("attn_out", "mlp_out", "resid_post"))
    },
    "transcoders": {Site("mlp_out", n): Features(_coder(n, "topk_transcoder"), Site("mlp_in", n)) for n in (0, 1)},
    "heads": {Site("heads", n): Coordinates(4, 8) for n in (0, 1)},
    "channels": {CUT: Coordinates(32)},
}


@pytest.fixture(params=BASES)
def basis(request: pytest.FixtureRequest) -> Basis:
    return BASES[request.param]


def _metric(tiny: Model, batch: PairBatch, edit: dict | None = None) -> torch.Tensor:
    return logit_difference(run(tiny, batch.clean, edit=edit, logits="last").logits[:, -1], batch)


def test_the_whole_circuit_is_the_model_under_every_ablation(tiny: Model, groups: Groups, basis: Basis) -> None:
    means = score_nodes(Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="relp")).means
    for ablation in (mean_ablation(means), zero_ablation, resample_ablation):
        metric, kl = Bench(tiny, groups, basis, ablation, batch_tokens=METRIC).run([Circuit.whole(basis)])
        torch.testing.assert_close(metric[0], _metric(tiny, groups[0][1]), rtol=1e-4, atol=1e-5)
        assert kl.abs().max() < 1e-5


def test_a_circuit_is_what_replacing_the_other_nodes_by_hand_gives(tiny: Model, groups: Groups, basis: Basis) -> None:
    """Half of the nodes at each position, under all three ablations; errors ablated too."""
    ((indices, batch),) = groups
    positions = batch.clean.shape[1]
    scores = score_nodes(Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="relp", by_position=True))
    generator = torch.Generator().manual_seed(2)
    kept = {s: torch.rand(positions, d.width, generator=generator) < 0.5 for s, d in basis.items()}
    patch = run(tiny, batch.patch, read=[*basis, *(d.reads for d in basis.values() if d.reads)]).activations

    @torch.no_grad()
    def by_hand(name: str) -> torch.Tensor:
        reads: dict[Site, torch.Tensor] = {}

        def remember(site: Site, x: torch.Tensor) -> torch.Tensor:
            reads[site] = x
            return x

        def ablated(site: Site, x: torch.Tensor) -> torch.Tensor:
            dictionary = basis[site]
            source = reads[dictionary.reads] if dictionary.reads else x
            own = dictionary.read(source)
            if name == "mean":
                fill, error = scores.means[site].at(positions)
            elif name == "zero":
                fill, error = torch.zeros_like(own), torch.zeros_like(x) + dictionary.resting
            else:
                fill = dictionary.read(patch[dictionary.reads or site])
                error = patch[site] - dictionary.write(fill)
            mask = kept[site].repeat_interleave(dictionary.group, dim=1)
            edited = dictionary.write(torch.where(mask, own, fill)) + (error if dictionary.has_error else 0)
            return torch.cat([x[:, :1], edited[:, 1:]], dim=1)

        edit = {d.reads: lambda x, s=d.reads: remember(s, x) for d in basis.values() if d.reads}
        edit |= {site: lambda x, s=site: ablated(s, x) for site in basis}
        return _metric(tiny, batch, edit)

    for name, ablation in (
        ("mean", mean_ablation(scores.means)),
        ("zero", zero_ablation),
        ("resample", resample_ablation),
    ):
        found = Bench(tiny, groups, basis, ablation, batch_tokens=METRIC).run([Circuit(kept, False)]).metric[0, indices]
        torch.testing.assert_close(found, by_hand(name), rtol=1e-4, atol=1e-5)


def test_positions_add_up(tiny: Model, groups: Groups, basis: Basis) -> None:
    whole = score_nodes(
        Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="integrated_gradients", steps=3)
    )
    parts = score_nodes(
        Bench(tiny, groups, basis, batch_tokens=METRIC),
        Scoring(method="integrated_gradients", steps=3, by_position=True),
    )
    assert parts.positions == groups[0][1].clean.shape[1]
    for site in basis:
        torch.testing.assert_close(parts.sites[site].nodes.sum(dim=1), whole.sites[site].nodes[:, 0])
        torch.testing.assert_close(parts.sites[site].error.sum(dim=1), whole.sites[site].error[:, 0])
    best = parts.ranked()[0]
    assert best.position is not None
    assert parts.mean(best) == pytest.approx(parts.sites[best.site].nodes[:, best.position, best.index].mean().item())
    bounds = [lower_bound(*mean_and_error(p.nodes.flatten(1))).max().item() for p in parts.sites.values()]
    of_best = parts.sites[best.site].nodes[:, best.position, best.index, None]
    assert lower_bound(*mean_and_error(of_best)).item() == pytest.approx(max(bounds))
    assert Node.parse(best.id) == best


def test_scores_of_a_site_are_the_gradient_times_its_whole_change(tiny: Model, groups: Groups, basis: Basis) -> None:
    """Nodes and error together, whatever the dictionary."""
    found = METHODS["attribution_patching"](tiny, groups[0][1], list(basis), 1)
    scores = score_nodes(Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="attribution_patching"))
    for site, part in scores.sites.items():
        clean, patch, gradient, _ = found[site]
        whole = ((patch - clean) * gradient).sum(dim=(1, 2))
        torch.testing.assert_close(part.nodes.sum(dim=(1, 2)) + part.error[:, 0], whole, rtol=1e-4, atol=1e-5)


def test_without_a_counterfactual_a_score_is_the_slope_towards_zero(tiny: Model, groups: Groups, basis: Basis) -> None:
    """Scale one node's part down a little, but at the separator; the metric moves as gradient x activation says."""
    scores = score_nodes(Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="gradient_activation"))
    site = list(basis)[-1]
    dictionary = basis[site]
    batch = groups[0][1]
    node = int(scores.sites[site].nodes[:, 0].abs().sum(dim=0).argmax())
    with torch.no_grad():
        source = run(tiny, batch.clean, read=[dictionary.reads or site]).activations[dictionary.reads or site]
        own = slice(node * dictionary.group, (node + 1) * dictionary.group)
        alone = torch.zeros_like(dictionary.read(source))
        alone[..., own] = dictionary.read(source)[..., own]
        alone[:, 0] = 0
        part = dictionary.write(alone)
        step = 0.02
        up, down = (_metric(tiny, batch, {site: lambda x, t=t: x - t * part}) for t in (step, -step))
    torch.testing.assert_close(scores.sites[site].nodes[:, 0, node], (up - down) / (2 * step), rtol=0.02, atol=1e-4)


@torch.no_grad()
def test_exact_effects_of_a_transcoders_feature_are_what_writing_its_change_does(tiny: Model, groups: Groups) -> None:
    basis = BASES["transcoders"]
    site = Site("mlp_out", 0)
    batch = groups[0][1]
    sae = basis[site].sae
    reads = Site("mlp_in", 0)
    clean, patch = (sae.encode(run(tiny, t, read=[reads]).activations[reads]) for t in (batch.clean, batch.patch))
    node = int((patch - clean).abs().sum(dim=(0, 1)).argmax())
    by = (patch - clean)[..., node, None] * sae.W_dec[node]
    expected = _metric(tiny, batch, {site: lambda x: x + by}) - _metric(tiny, batch)
    found = exact_effects(tiny, batch, site, basis[site], [node], METRIC)[:, 0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_everything_resampled_is_the_patch_prompt(tiny: Model, groups: Groups) -> None:
    basis = {CUT: BASES["features"][CUT]}
    nothing = Circuit.of([], basis, errors=False)
    found = Bench(tiny, groups, basis, resample_ablation, batch_tokens=METRIC).run([nothing]).metric[0]
    batch = groups[0][1]
    swapped = PairBatch(batch.patch, batch.clean, batch.answers, batch.patch_answers)
    torch.testing.assert_close(found, _metric(tiny, swapped), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_divergence_is_that_of_the_whole_next_token_distribution(tiny: Model, groups: Groups) -> None:
    basis = {CUT: Coordinates(32)}
    nothing = Circuit.of([], basis)
    batch = groups[0][1]
    (kl,) = Bench(tiny, groups, basis, zero_ablation, batch_tokens=METRIC).run([nothing]).kl
    logits = run(tiny, batch.clean, logits="last").logits
    empty = run(
        tiny, batch.clean, edit={CUT: lambda x: x * (torch.arange(x.shape[1]) == 0)[:, None]}, logits="last"
    ).logits
    assert empty is not None
    p, q = (part[:, -1].double().softmax(dim=-1) for part in (logits, empty))
    torch.testing.assert_close(kl.double(), (p * (p / q).log()).sum(dim=-1), rtol=1e-4, atol=1e-6)


def test_positions_need_prompts_of_one_length(tiny: Model, tiny_folder: Path) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    pairs = agreement_pairs("nounpp", "train", 2, 0, tokenizer) + agreement_pairs("simple", "train", 2, 0, tokenizer)
    with pytest.raises(StudyError, match="by_position needs prompts of one length, found 3, 6 tokens; set it to false"):
        score_nodes(
            Bench(tiny, encode_pairs(pairs, tokenizer, 0), BASES["channels"], batch_tokens=METRIC),
            Scoring(method="relp", by_position=True),
        )


def test_nodes_at_positions_need_prompts_of_their_length(tiny: Model, tiny_folder: Path, groups: Groups) -> None:
    tokenizer = load_tokenizer(tiny_folder)
    longer = encode_pairs(agreement_pairs("nounpp", "test", 2, 0, tokenizer), tokenizer, 0)
    basis = BASES["channels"]
    scores = score_nodes(Bench(tiny, groups, basis, batch_tokens=METRIC), Scoring(method="relp", by_position=True))
    circuit = Circuit.of(scores.ranked()[:5], basis, scores.positions)
    with pytest.raises(StudyError, match=r"positions of prompts of 3 tokens, which says nothing of a prompt of 6"):
        Bench(tiny, longer, basis, mean_ablation(scores.means), batch_tokens=METRIC).run([circuit])


def _saved(folder: Path, architecture: str = "topk", **metadata: str) -> Path:
    sae = _coder(0, architecture)
    sae.metadata.update(metadata)
    folder.mkdir()
    save_autoencoder(folder, sae, torch.full((96,), 0.1))
    return folder


def test_an_autoencoder_that_does_not_fit_is_one_clear_line(tiny_folder: Path, tmp_path: Path) -> None:
    pairs = ROOT / "config/test/pairs.jsonl"

    def set_up(saes: list[Path], sites: list[str]) -> None:
        Bench.load(tiny_folder, pairs, saes, sites, torch.device("cpu"), None, 0)

    fits = _saved(tmp_path / "fits", hook_name="resid_post.0", model_name="tiny-llama")
    set_up([fits], ["resid_post.0"])
    with pytest.raises(StudyError, match=r"fits/cfg.json: trained on resid_post.0, asked to serve resid_post.1$"):
        set_up([fits], ["resid_post.1"])
    with pytest.raises(StudyError, match="2 sites and 1 folders of autoencoders; each site needs one"):
        set_up([fits], ["resid_post.0", "resid_post.1"])
    other = _saved(tmp_path / "other", hook_name="resid_post.0", model_name="gpt2")
    with pytest.raises(StudyError, match=r"other/cfg.json: trained on gpt2, asked to serve tiny-llama$"):
        set_up([other], ["resid_post.0"])
    wide = _saved(tmp_path / "wide", hook_name="mlp_neurons.0", model_name="tiny-llama")
    with pytest.raises(StudyError, match=r"wide/cfg.json: reads width 32; mlp_neurons.0 of tiny-llama has 64$"):
        set_up([wide], ["mlp_neurons.0"])
    mute = _saved(tmp_path / "mute", "transcoder", hook_name="mlp_in.0")
    with pytest.raises(StudyError, match="its metadata do not say what this transcoder reads and writes"):
        set_up([mute], ["mlp_out.0"])
    with pytest.raises(StudyError, match=r"site resid_post.7: tiny-llama has 2 layers"):
        set_up([], ["resid_post.7"])
