"""Models that keep an edit: without hooks they do what the hooked model does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from sparse_circuits.circuits.basis import Basis, Features, Node
from sparse_circuits.config.edits import Distillation
from sparse_circuits.config.site import Site
from sparse_circuits.edit.added_layer import fit_neurons, moved, with_added_layers
from sparse_circuits.edit.distilled import distil
from sparse_circuits.edit.erasure import erase
from sparse_circuits.edit.features import Rewriting, rewrite_nodes
from sparse_circuits.edit.measure import Variant, text_effects
from sparse_circuits.models.load import Model, load_model, model_card
from sparse_circuits.models.run import run
from sparse_circuits.models.save import save_edited
from sparse_circuits.tasks.pairs import Groups
from worlds.seeded import autoencoder, generator, normal, texts

FIRST, LAST = Site("resid_post", 0), Site("resid_post", 1)


def test_an_added_layer_does_what_the_hooks_do(
    tiny: Model, tiny_folder: Path, groups: dict[str, Groups], tmp_path: Path
) -> None:
    sae = autoencoder(tiny.d_model, threshold=0.0)
    basis: Basis = {FIRST: Features(sae), LAST: Features(sae)}
    text = texts(tiny, 400)
    active = torch.cat([sae.encode(run(tiny, b, read=[FIRST]).activations[FIRST][:, 1:]) for b in text])
    index = int((active > 0).double().mean(dim=(0, 1)).argmax())
    how = {Node(FIRST, index): Rewriting(-1.0), Node(LAST, index): Rewriting(0.0)}
    model = with_added_layers(tiny, basis, how, text)
    save_edited(model, tiny_folder, tmp_path / "edited", "edited", [0, 1])
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "edited")
    assert type(loaded) is type(tiny.network)
    assert loaded.config.num_hidden_layers == tiny.num_layers + 2
    permanent = load_model(tmp_path / "edited", torch.device("cpu"))
    held_out = texts(tiny, 12)[::-1]
    hooked = Variant(tiny, rewrite_nodes(basis, how))
    apart = text_effects({"hooked": hooked, "before": Variant(tiny), "permanent": Variant(permanent)}, held_out)
    # Random weights have no channel that is nearly constant, from which the layer could tell the stream's scale.
    assert apart["permanent"].kl < 0.4 * apart["before"].kl
    card = model_card(tmp_path / "edited")
    assert card["added_after"] == [0, 1]
    edited = run(tiny, held_out[0], edit=hooked.intervention, read=[FIRST, LAST]).activations
    there = {site: moved(site, card["added_after"]) for site in (FIRST, LAST)}
    assert [str(site) for site in there.values()] == ["resid_post.1", "resid_post.3"]
    found = run(permanent, held_out[0], read=list(there.values())).activations
    plain = run(tiny, held_out[0], read=[FIRST, LAST]).activations
    for site, place in there.items():
        assert (found[place] - edited[site]).norm() < (plain[site] - edited[site]).norm()


def test_a_distilled_model_does_what_an_erasure_does(tiny: Model, groups: dict[str, Groups]) -> None:
    """On text that it was not distilled on; the same seed gives the same model, of the same size."""
    hooks = erase(tiny, groups["train"], [FIRST], "leace")
    text = texts(tiny, 240)
    settings = Distillation(rank=16, steps=150, learning_rate=3e-3)
    model = distil(tiny, hooks, text[:50], settings, seed=0)
    sizes = [{name: tensor.shape for name, tensor in one.named_parameters()} for one in (model, tiny.network)]
    assert sizes[0] == sizes[1]
    distilled = Variant(replace(tiny, network=model))
    apart = text_effects({"hooked": Variant(tiny, hooks), "before": Variant(tiny), "distilled": distilled}, text[50:])
    assert apart["distilled"].kl < 0.3 * apart["before"].kl
    short = settings.model_copy(update={"steps": 3})
    twice = [distil(tiny, hooks, text[:4], short, seed=0).parameters() for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(*twice, strict=True))


@pytest.mark.parametrize("how", [Rewriting(0.0), Rewriting(-1.0, below=5.0), Rewriting(2.0)])
def test_neurons_compute_a_rewriting_where_the_stream_tells_its_scale(how: Rewriting) -> None:
    sae = replace(autoencoder(24, threshold=0.0), b_dec=torch.zeros(24))
    x = normal(4000, 24, seed=7).float() * torch.linspace(0.8, 1.2, 4000)[
        torch.randperm(4000, generator=generator())
    ].unsqueeze(1)
    x[:, 0] = 8.0
    first = torch.zeros(4000, dtype=torch.bool)
    first[::50] = True
    neurons = fit_neurons((x[:3000], first[:3000]), sae, {5: how})
    held_out = x[3000:]
    h = held_out / held_out.norm(dim=1, keepdim=True) * 24**0.5
    written = (torch.nn.functional.silu(h @ neurons.gate.T) * (h @ neurons.up.T)) @ neurons.down
    f = sae.encode(held_out)[:, 5]
    wanted = (how(f) - f).unsqueeze(1) * sae.W_dec[5]
    assert wanted.norm() > 1
    assert (written - wanted).norm() < 0.1 * wanted.norm()


def test_a_layer_for_features_that_stay_as_they_are_changes_nothing(tiny: Model) -> None:
    sae = autoencoder(tiny.d_model, threshold=0.0)
    text = texts(tiny, 40)
    model = with_added_layers(tiny, {FIRST: Features(sae)}, {Node(FIRST, 0): Rewriting(1.0)}, text)
    same = text_effects({"a": Variant(tiny), "b": Variant(replace(tiny, network=model))}, text)
    assert same["b"].kl < 1e-9
    assert same["b"].loss == pytest.approx(same["a"].loss, abs=1e-6)
