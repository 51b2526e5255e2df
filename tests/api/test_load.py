"""Any artefact is loaded in one line, and importing the package costs nothing."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import sparse_circuits as sc
from sparse_circuits.artefacts.circuit import CircuitNode
from sparse_circuits.base.errors import StudyError
from worlds.checkout import ROOT
from worlds.report_study import found_weights, make_report_study


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sparse_circuits as sc, sys; assert sc.load; print('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False"


def test_an_autoencoder_is_known_by_its_files() -> None:
    folder = ROOT / "tests/references/saelens/batchtopk"
    assert sc.load(folder).W_dec.shape[0] == json.loads((folder / "cfg.json").read_text())["d_sae"]


def test_circuits_and_edits_are_known_by_their_files(tmp_path: Path) -> None:
    found = make_report_study(tmp_path / "results")
    circuit = sc.load(found.circuits[0].parent)
    assert circuit.strongest(2) == ["resid_post.0/0", "resid_post.1/0"]
    assert circuit.evaluation.faithfulness[1] == 0.5
    assert circuit.proof is None
    edit = sc.load(found.edits[0].parent)
    assert edit.evaluation.features == 1
    with pytest.raises(StudyError, match="no model keeps this edit"):
        _ = edit.model


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no such file or folder"):
        sc.load(tmp_path / "nothing")
    with pytest.raises(StudyError, match="neither an autoencoder"):
        sc.load(tmp_path)
    (tmp_path / "weights.pt").touch()
    with pytest.raises(StudyError, match="not an artefact"):
        sc.load(str(tmp_path / "weights.pt"))


PROMPT, OTHER = "The key near the boxes", "The boy near the boxes"
SITE = "resid_post.1"

CLIENT = """
import sparse_circuits as sc

circuit: sc.FoundCircuit = sc.load("results/circuits/s/t/features")
nodes: list[str] = circuit.strongest(3)
text: str = circuit.alone(patch="a").generate("b")
wrong: int = circuit.strongest(3)
"""


def test_a_program_that_loads_artefacts_is_type_checked(tmp_path: Path) -> None:
    client = tmp_path / "client.py"
    client.write_text(CLIENT)
    # From the root, so that what `make check` has found out about the library is used again.
    environment = {**os.environ, "MYPYPATH": "src"}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", client], cwd=ROOT, capture_output=True, text=True, env=environment, check=False
    )
    found = [line for line in done.stdout.splitlines() if "client.py" in line]
    assert len(found) == 1, done.stdout + done.stderr
    assert "client.py:7: error: Incompatible types in assignment" in found[0]


def test_folders_of_files_are_what_their_files_hold(finished: Path) -> None:
    results = finished / "results"
    task = sc.load(results / "tasks/nounpp")
    assert set(task) == {"train.jsonl", "test.jsonl"}
    assert task["test.jsonl"][0]["clean"]
    assert list(sc.load(results / "corpora/words")) == ["documents.jsonl"]
    assert {"nodes"} <= set(sc.load(results / "interpretations/test")["resid_post.1.json"])
    assert len(sc.load(results / "figures/test")["faithfulness.csv"]) > 3
    weights = sc.load(results / "saes/tiny-llama/resid_post.1/topk/sae_weights.safetensors")
    assert {"W_enc", "W_dec"} <= set(weights)


def test_a_circuit_of_weights_has_no_strongest_nodes(tmp_path: Path) -> None:
    found = found_weights(tmp_path / "results")
    circuit = sc.load(found.explanations[0].parent)
    for asked in (circuit.strongest, circuit.minimal, lambda: circuit.saes, lambda: circuit.evaluate("test.jsonl")):
        with pytest.raises(StudyError, match="have no scores; all in `nodes` are needed"):
            asked()


def _of_nodes(circuit: sc.FoundCircuit, nodes: list[CircuitNode]) -> sc.FoundCircuit:
    return replace(circuit, facts=circuit.facts.model_copy(update={"nodes": nodes}))


def test_a_circuit_is_taken_out_on_a_new_prompt_as_by_hand(finished: Path) -> None:
    """Against hooks and means written out in plain torch."""
    circuit = sc.load(finished / "results/circuits/test/nounpp/features")
    node = next(name for name in circuit.strongest() if name.startswith(SITE))
    number = int(node.rpartition("/")[2])
    one = _of_nodes(circuit, [found for found in circuit.nodes if found.id == node])
    model, tokenizer = circuit.model.network, circuit.model.tokenizer
    layer = model.model.layers[1]
    sae = sc.load(finished / f"results/saes/tiny-llama/{SITE}/topk")
    streams = []
    handle = layer.register_forward_hook(lambda _, __, output: streams.append(output.detach()))
    pairs = sc.load(finished / "results/tasks/nounpp/train.jsonl")
    for text in [pair[side] for pair in pairs for side in ("clean", "patch")]:
        model(torch.tensor([[0, *tokenizer.encode(text, add_special_tokens=False)]]))
    handle.remove()
    mean = torch.cat([sae.encode(stream[0, 1:])[:, number] for stream in streams]).mean()

    def ablated(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
        change = (mean - sae.encode(output[:, 1:])[..., number]).unsqueeze(-1) * sae.W_dec[number]
        return torch.cat([output[:, :1], output[:, 1:] + change], dim=1)

    handle = layer.register_forward_hook(ablated)
    tokens = torch.tensor([[0, *tokenizer.encode(PROMPT, add_special_tokens=False)]])
    logits = model(tokens).logits[0, -1]
    handle.remove()
    ids = [tokenizer.encode(text, add_special_tokens=False)[0] for text in (" is", " are")]
    wanted = float(logits[ids[0]] - logits[ids[1]])
    assert one.without().logit_difference(PROMPT, " is", " are") == pytest.approx(wanted, abs=1e-4)
    assert abs(wanted - circuit.model.logit_difference(PROMPT, " is", " are")) > 1e-3


def test_a_circuit_of_every_feature_is_the_model_and_one_of_none_takes_nothing_out(finished: Path) -> None:
    circuit = sc.load(finished / "results/circuits/test/nounpp/features")
    features = [
        CircuitNode(id=f"{site}/{number}", site=site, position=None, score=1.0)
        for site in ("resid_post.0", SITE)
        for number in range(circuit.saes[0].W_dec.shape[0])
    ]
    before = circuit.model.next_tokens(PROMPT)
    assert _of_nodes(circuit, features).alone().next_tokens(PROMPT) == before
    same = circuit.alone(patch=PROMPT).logit_difference(PROMPT, " is", " are")
    assert same == pytest.approx(circuit.model.logit_difference(PROMPT, " is", " are"), abs=1e-4)
    assert circuit.alone(patch=OTHER).next_tokens(PROMPT) != before
    assert circuit.without(0).next_tokens(PROMPT) == before
    assert circuit.without().next_tokens(PROMPT) != before


def test_prompts_must_be_as_long_as_the_counterfactual(finished: Path) -> None:
    alone = sc.load(finished / "results/circuits/test/nounpp/features").alone(patch=OTHER)
    with pytest.raises(StudyError, match="they must be as many"):
        alone.next_tokens(PROMPT + " near the boxes")
    with pytest.raises(StudyError, match="has no continuation"):
        alone.generate(PROMPT)


def test_a_feature_is_rewritten_and_the_others_stay(finished: Path) -> None:
    circuit = sc.load(finished / "results/circuits/test/nounpp/features")
    sae = sc.load(finished / f"results/saes/tiny-llama/{SITE}/topk")
    model = circuit.model
    first, _ = sc.active_features(model, PROMPT, sae)[-1][0]
    silent = sc.rewritten(model, [sae], {first: 0.0})
    assert silent.next_tokens(PROMPT) != model.next_tokens(PROMPT)
    assert sc.rewritten(model, [sae], {first: 1.0}).generate(PROMPT) == model.generate(PROMPT)
    with pytest.raises(StudyError, match="not in this basis"):
        sc.rewritten(model, [sae], {"resid_post.0/1": 0.0})
    with pytest.raises(StudyError, match="is no feature; write its site and number"):
        sc.rewritten(model, [sae], {"resid_post/1": 0.0})
    stranger = replace(sae, metadata={**sae.metadata, "model_name": "gpt2"})
    with pytest.raises(StudyError, match="this topk autoencoder: trained on gpt2, asked to serve tiny-llama"):
        sc.active_features(model, PROMPT, stranger)
    with pytest.raises(StudyError, match="it must be one"):
        model.logit_difference(PROMPT, " is", " cabinets are")


def test_what_is_not_what_the_circuit_was_found_with_is_refused(finished: Path) -> None:
    circuit = sc.load(finished / "results/circuits/test/nounpp/features")

    def changed(**sha256: object) -> sc.FoundCircuit:
        facts = circuit.facts.model_copy(update={"sha256": circuit.facts.sha256.model_copy(update=sha256)})
        return replace(circuit, origin=replace(circuit.origin, facts=facts))

    for key, message in (("model", "not the one"), ("task", "not the one")):
        other = changed(**{key: "0" * 64})
        with pytest.raises(StudyError, match=message):
            other.alone()
    other = changed(saes={SITE: "0" * 64})
    with pytest.raises(StudyError, match="no autoencoder with the hash"):
        other.alone()


def test_cached_activations_and_arrays_are_those_of_the_files(finished: Path) -> None:
    folder = finished / "results/activations/tiny-llama/words"
    cache = sc.load(folder)
    assert cache.sites == ["resid_post.0", SITE]
    sequences = cache.sequences("held_out")
    with sc.load(folder / "sequences.h5") as file:
        assert (file["held_out/token_id"][()] == sequences.token_id).all()
    circuit = sc.load(finished / "results/circuits/test/nounpp/features")
    model, rows = circuit.model.network, cache.rows(SITE, 40)
    tokens = torch.from_numpy(cache.sequences().token_id).long()
    with torch.no_grad():
        stream = model(tokens, output_hidden_states=True).hidden_states
    # The last layer's stream is normed before it is handed out; the first layer's is not.
    early = cache.rows("resid_post.0", 40)
    nearest = torch.cdist(early, stream[1][:, 1:].flatten(0, 1)).min(dim=1).values
    assert (nearest < 0.05 * early.norm(dim=1)).all()  # cached in bfloat16
    assert rows.shape == early.shape == (40, 32)
    with pytest.raises(StudyError, match=r"no site resid_post\.7"):
        cache.rows("resid_post.7", 1)


def test_the_notebook_runs(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, in order; those of its parameters name the test study's artefacts instead."""
    monkeypatch.chdir(finished)
    names: dict[str, object] = {}
    for cell in json.loads((ROOT / "examples/circuit.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], names)
            if cell["metadata"].get("tags") == ["parameters"]:
                names |= {
                    "study": "test",
                    "sae": f"results/saes/tiny-llama/{SITE}/topk",
                    "prompt": PROMPT,
                    "patch": OTHER,
                }
    assert set(names["variants"]) == {"model", "circuit alone", "without the circuit"}
    assert names["active"]
