"""A circuit found in memory is the one that the workflow's steps write, number for number."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

import sparse_circuits as sc
from sparse_circuits.base.compute import Compute
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json
from sparse_circuits.config.evaluate_circuit import EvaluateCircuit
from sparse_circuits.config.find_circuit import FindCircuit
from sparse_circuits.config.minimise_circuit import MinimiseCircuit
from sparse_circuits.config.score_nodes import ScoreNodes
from sparse_circuits.config.site import Site
from sparse_circuits.models.classifiers import classifier_tokenizer
from sparse_circuits.models.load import load_tokenizer
from sparse_circuits.models.pictures import to_tokens
from sparse_circuits.sae.autoencoder import SparseAutoencoder, save_autoencoder
from sparse_circuits.steps import evaluate_circuit, find_circuit, minimise_circuit, score_nodes
from sparse_circuits.tasks.agreement import agreement_pairs
from sparse_circuits.tasks.pair import Pair, read_pairs, write_pairs
from worlds.checkout import ROOT
from worlds.networks import clip, dinov2, vit

NEURONS = ["mlp_neurons.0", "mlp_neurons.1"]
FEATURES = ["resid_post.0", "resid_post.1"]
FOUND = {"node_threshold": 0.002, "edge_threshold": 0.001}
SEARCH = {"search": "thresholds", "candidates": 200}
CPU = Compute("cpu")
VERBS = [" is", " was", " has", " are", " were", " have"]


@pytest.fixture(scope="module")
def pairs(tiny: sc.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of training and test pairs, whose answers are those that the model, which is random, tells apart."""
    folder = tmp_path_factory.mktemp("pairs")
    for split in ("train", "test"):
        made = agreement_pairs("nounpp", split, 16, 0, tiny.tokenizer)
        write_pairs(folder / f"{split}.jsonl", [_told_apart(tiny, pair) for pair in made])
    return folder


def _told_apart(model: sc.Model, pair: Pair) -> Pair:
    ids = [model.tokenizer.encode(verb, add_special_tokens=False)[0] for verb in VERBS]
    clean, patch = (model.logits(torch.tensor([model.encode(text)]))[0, ids] for text in (pair.clean, pair.patch))
    change = clean - patch
    return replace(pair, answers=[VERBS[int(change.argmax())]], patch_answers=[VERBS[int(change.argmin())]])


@pytest.fixture(scope="module")
def saes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of autoencoders of both layers: a feature for each channel where it is above 0, and where below."""
    folders = []
    signed = torch.cat([torch.eye(32), -torch.eye(32)])
    for site in FEATURES:
        metadata = {"hook_name": site, "model_name": "tiny-llama"}
        sae = SparseAutoencoder("standard", 0.9 * signed.T, torch.zeros(64), signed, torch.zeros(32), metadata=metadata)
        folders.append(tmp_path_factory.mktemp("saes") / site)
        save_autoencoder(folders[-1], sae, torch.full((64,), 0.1))
    return folders


def _by_steps(model: Path, pairs: Path, sites: list[str], saes: list[Path], folder: Path) -> dict[str, Any]:
    """What the steps write: circuit.json, evaluation.json, minimal.json."""
    train = {"model": model, "pairs": pairs / "train.jsonl", "saes": saes, "scores": folder / "scores.h5"}
    found, judged, minimal = (folder / f"{name}.json" for name in ("circuit", "evaluation", "minimal"))
    score_nodes.step(score_nodes.Files(**train), ScoreNodes(sites=sites), CPU)
    basis = "features" if saes else "neurons"
    asked = FindCircuit(study="s", task="t", basis=basis, sites=sites, **FOUND)
    find_circuit.step(find_circuit.Files(**train, circuit=found), asked, CPU)
    minimise_circuit.step(
        minimise_circuit.Files(**train, circuit=minimal), MinimiseCircuit(sites=sites, target=0.6, **SEARCH), CPU
    )
    files = {**train, "pairs": pairs / "test.jsonl", "curves": folder / "curves.csv", "evaluation": judged}
    evaluate_circuit.step(
        evaluate_circuit.Files(**files, circuit=found), EvaluateCircuit(sites=sites, sizes=[1, 5, 20]), CPU
    )
    return {path.stem: read_json(path) for path in (found, judged, minimal)}


@pytest.mark.parametrize("basis", ["neurons", "features"])
def test_memory_gives_what_the_steps_write(
    basis: str, tiny_folder: Path, pairs: Path, saes: list[Path], tmp_path: Path
) -> None:
    used = saes if basis == "features" else []
    written = _by_steps(tiny_folder, pairs, FEATURES if used else NEURONS, used, tmp_path)
    circuit = sc.find_circuit(sc.Model.load(tiny_folder), pairs / "train.jsonl", nodes=used or basis, **FOUND)
    facts = {**written["circuit"], "study": "memory", "task": "pairs"}
    assert circuit.facts.plain().items() <= facts.items()
    assert circuit.nodes == circuit.facts.nodes
    curves = circuit.evaluate(pairs / "test.jsonl", sizes=[1, 5, 20])
    assert curves.plain().items() <= written["evaluation"].items()
    minimal = circuit.minimal(target=0.6, **SEARCH)
    assert minimal.minimised.plain() == written["minimal"]
    assert {end for edge in minimal.edges for end in (edge.source, edge.target)} <= {node.id for node in minimal.nodes}
    assert [(node.id, node.score) for node in minimal.facts.parts] == [
        (node["id"], node["score"]) for node in written["minimal"]["nodes"]
    ]


def test_a_circuit_of_transcoders_is_loaded_though_they_lie_by_the_site_that_they_read(
    tiny: sc.Model, tiny_folder: Path, pairs: Path, tmp_path: Path
) -> None:
    generator = torch.Generator().manual_seed(0)
    W_enc, W_dec = (torch.randn(shape, generator=generator) for shape in ((32, 24), (24, 32)))
    metadata = {"hook_name": "mlp_in.1", "hook_name_out": "mlp_out.1", "model_name": tiny.name}
    sae = SparseAutoencoder(
        "transcoder", W_enc, torch.zeros(24), W_dec, torch.zeros(32), centred=False, metadata=metadata
    )
    saved, task, found = (tmp_path / name for name in (f"saes/{tiny.name}/mlp.1/topk", "tasks/t", "circuits/s/t/b"))
    save_autoencoder(saved, sae, torch.full((24,), 0.1))
    shutil.copytree(tiny_folder, tmp_path / "models" / tiny.name)
    shutil.copytree(pairs, task)
    found.mkdir(parents=True)
    files = {"model": tiny_folder, "pairs": task / "train.jsonl", "saes": [saved], "scores": found / "scores.h5"}
    score_nodes.step(score_nodes.Files(**files), ScoreNodes(sites=["mlp_out.1"]), CPU)
    asked = FindCircuit(study="s", task="t", basis="b", sites=["mlp_out.1"], node_threshold=0, edge_threshold=0)
    find_circuit.step(find_circuit.Files(**files, circuit=found / "circuit.json"), asked, CPU)
    assert [one.architecture for one in sc.load(found).saes] == ["transcoder"]


def test_a_minimal_circuit_reaches_its_target_and_is_judged_like_any_other(tiny: sc.Model, pairs: Path) -> None:
    circuit = sc.find_circuit(tiny, pairs / "train.jsonl", nodes="heads", edges=False)
    for method, given in ((circuit.evaluate, {"pairs": pairs / "test.jsonl"}), (circuit.minimal, {})):
        with pytest.raises(StudyError, match="unknown key `sites`; the circuit's nodes say it"):
            method(**given, sites=["heads.0"])
    minimal = circuit.minimal(target=0.5, search="thresholds")
    assert minimal.minimised.held_out_faithfulness >= 0.5
    held_out = minimal.evaluate(read_pairs(pairs / "train.jsonl")[-4:], sizes=[1, 2])
    assert held_out.circuit.faithfulness == pytest.approx(minimal.minimised.held_out_faithfulness)
    assert held_out.circuit.nodes == len(minimal.strongest()) < 8


def test_one_autoencoder_is_a_list_of_one(tiny: sc.Model, pairs: Path, saes: list[Path]) -> None:
    given = [saes[0], sc.load(saes[0]), [str(saes[0])]]
    found = [sc.find_circuit(tiny, pairs / "train.jsonl", nodes=one, edges=False) for one in given]
    assert all(circuit.nodes == found[0].nodes for circuit in found)


def test_pairs_are_given_as_a_file_as_objects_or_as_dicts(tiny: sc.Model, pairs: Path) -> None:
    file = pairs / "train.jsonl"
    objects = read_pairs(file)
    given = [file, str(file), objects, [asdict(pair) for pair in objects]]
    found = [sc.find_circuit(tiny, one, nodes="channels", method="relp", edges=False) for one in given]
    assert all(circuit.nodes == found[0].nodes for circuit in found)


def test_a_model_comes_from_a_folder_of_ours_of_transformers_or_as_an_object(
    tiny: sc.Model, tiny_folder: Path, pairs: Path, tmp_path: Path
) -> None:
    plain = shutil.copytree(tiny_folder, tmp_path / "plain", ignore=shutil.ignore_patterns("model_card.json"))
    network = AutoModelForCausalLM.from_pretrained(tiny_folder)
    models = [tiny, sc.Model.load(str(plain)), sc.Model.load(network, load_tokenizer(tiny_folder)), sc.load(plain)]
    found = [sc.find_circuit(model, pairs / "train.jsonl", nodes="heads", edges=False) for model in models]
    assert all(circuit.nodes == found[0].nodes for circuit in found)
    assert models[1].name == "plain"
    assert all(model.separator_id == tiny.separator_id for model in models)


def test_activations_are_asked_for_by_sites_or_their_names(tiny: sc.Model) -> None:
    tokens = torch.tensor([tiny.encode("The key")])
    named, site = tiny.activations(tokens, ["resid_post.0"]), Site("resid_post", 0)
    assert torch.equal(named["resid_post.0"], tiny.activations(tokens, [site])[site])
    with pytest.raises(StudyError, match=r"`resid\.0` is no site; kinds are"):
        tiny.activations(tokens, ["resid.0"])


def test_a_circuit_of_a_changed_model_is_found_in_it(tiny: sc.Model, pairs: Path) -> None:
    """With the first layer's attention taken away, none of its heads scores anything."""
    silenced = tiny.changed({Site("heads", 0): torch.zeros_like})
    circuit = sc.find_circuit(silenced, pairs / "train.jsonl", nodes="heads", node_threshold=0, edges=False)
    assert {node.site for node in circuit.nodes if node.score == 0} == {"heads.0"}
    assert all(node.score == 0 for node in circuit.nodes if node.site == "heads.0")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nodes": "neuron"}, "nodes 'neuron': not known; give neurons, heads, channels, or a list of autoencoders"),
        ({"nodes": []}, "nodes: an empty list"),
        ({"node_treshold": 0.1}, "find_circuit: unknown key `node_treshold`; did you mean `node_threshold`"),
        ({"sites": ["heads.0"]}, "find_circuit: unknown key `sites`; the circuit's nodes say it"),
        ({"pairs": []}, "pairs: no pairs in it"),
        ({"pairs": {"clean": "The key"}}, r"pairs: expected a file, or a list of pairs: .*; found {'clean'"),
        ({"pairs": ["a", "b"]}, r"pairs: expected a file, or a list of pairs: .*; found \['a', 'b'\]"),
        ({"pairs": [{"clean": "The key"}]}, "pair 1: field `patch` must be a text"),
        ({"pairs": "nowhere.jsonl"}, "nowhere.jsonl: no such file"),
    ],
)
def test_bad_input_is_told_in_a_line(given: dict[str, Any], message: str, tiny: sc.Model, pairs: Path) -> None:
    with pytest.raises(StudyError, match=message):
        sc.find_circuit(**{"model": tiny, "pairs": pairs / "train.jsonl", **given})


def test_what_is_no_model_is_told_in_a_line(tiny: sc.Model, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"config.json is missing"):
        sc.Model.load(tmp_path)
    with pytest.raises(StudyError, match=r"give it too: Model.load\(network, tokenizer\)"):
        sc.Model.load(tiny.network)


def test_a_folder_lacks_what_is_told_in_a_line(tiny: sc.Model, tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"gpt2: no such folder; one is written by `save_pretrained`"):
        sc.Model.load("gpt2")
    tiny.network.save_pretrained(folder := tmp_path / "untold")
    with pytest.raises(StudyError, match=r"untold: it has no tokenizer that can be read; write one by [^\n]*$"):
        sc.Model.load(folder)
    model = sc.Model.load(folder, tiny.tokenizer, name="tiny-llama")
    assert (model.name, model.tokenizer, model.separator_id) == ("tiny-llama", tiny.tokenizer, tiny.separator_id)
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(StudyError, match=r"untold: the weights cannot be read: [^\n]*$"):
        sc.Model.load(folder, tiny.tokenizer)
    (folder / "model.safetensors").unlink()
    with pytest.raises(StudyError, match=r"untold: the weights cannot be read: [^\n]*$"):
        sc.Model.load(folder, tiny.tokenizer)


@pytest.mark.parametrize("make", [vit, dinov2, clip])
def test_an_image_classifier_is_loaded_as_an_object(make: Callable[[], PreTrainedModel]) -> None:
    network = make().eval()
    model = sc.Model.load(network, classifier_tokenizer(network.config, None), name="seen")
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    tokens = torch.from_numpy(to_tokens(image, np.zeros(1, np.uint8), 3)).long()[:, :-1]
    with torch.no_grad():
        expected = network(pixel_values=torch.from_numpy(image).permute(0, 3, 1, 2) / 127.5 - 1).logits
    torch.testing.assert_close(model.logits(tokens), expected)
    assert model.sees
    assert model.name == "seen"


def test_the_notebook_that_finds_a_circuit_runs(
    tiny_folder: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell, in order, on the tiny model instead of the default study's."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in json.loads((ROOT / "examples/find_circuit.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], names)
            if cell["metadata"].get("tags") == ["parameters"]:
                names |= {"folder": str(tiny_folder), "pairs": str(pairs), "threshold": 0.002, "target": 0.5}
    assert names["small"].minimised.held_out_faithfulness >= 0.5
    assert names["judged"].circuit.nodes == len(names["circuit"].strongest())
