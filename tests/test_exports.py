"""Exports say what the file says, and satisfy the viewers' schema."""

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import networkx
import pytest

from sparse_circuits.circuits.exports import export, neuronpedia
from sparse_circuits.circuits.graph import node_ids, prune, trace_prompt, write_graph
from sparse_circuits.errors import StudyError
from sparse_circuits.files import read_json, write_json
from test_attribution import UNCAPPED
from test_edges import TRIANGLE, _features, _language
from test_graph import PROMPT

SCHEMA = json.loads(Path(neuronpedia.__file__).with_suffix(".schema.json").read_text())
CIRCUIT: dict[str, Any] = {
    "study": "test",
    "task": "nounpp",
    "model": "tiny",
    "basis": "features",
    "metric": "logit_difference",
    "nodes": [
        {"id": "resid_post.0/7", "site": "resid_post.0", "position": None, "score": -3.0, "promotes": [" a", "b"]},
        {"id": "attn_out.1/7", "site": "attn_out.1", "position": None, "score": 1.0},
        {"id": "resid_post.1/7", "site": "resid_post.1", "position": None, "score": 1.0},
        {"id": "resid_post.1/error", "site": "resid_post.1", "position": None, "score": 0.5},
        {"id": "logit_difference", "site": "output", "position": None, "score": -4.0},
    ],
    "edges": [
        {"source": "resid_post.0/7", "target": "resid_post.1/7", "weight": -2.5},
        {"source": "resid_post.1/7", "target": "logit_difference", "weight": 1.0},
    ],
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    language = _language(UNCAPPED[0])
    traced = trace_prompt(language, PROMPT, {site: _features(seed) for seed, site in enumerate(TRIANGLE)})
    facts = {"study": "test", "name": "keys", "prompt": "p", "model": "tiny", "num_layers": 2, "max_nodes": 9}
    facts |= {"logits": {"mass": 0.95, "max": 10}, "pruning": {"node_share": 0.8, "edge_share": 0.98}}
    path = tmp_path_factory.mktemp("graph") / "graph.json"
    outputs = [f"o{index}" for index in traced.indices[traced.is_logit]]
    write_graph(path, traced, prune(traced, 0.8, 0.98), facts, [f"t{i}" for i in range(5)], outputs, {})
    assert len(set(node_ids(traced))) == traced.size
    return path


@pytest.fixture(params=["circuit", "graph"])
def file(request: pytest.FixtureRequest, graph: Path, tmp_path: Path) -> Path:
    if request.param == "graph":
        return graph
    write_json(tmp_path / "circuit.json", CIRCUIT)
    return tmp_path / "circuit.json"


def test_neuronpedia_json_satisfies_the_schema_and_names_every_node_once(file: Path, tmp_path: Path) -> None:
    written, listing = export(file, "neuronpedia", tmp_path / "out")
    found, source = read_json(written), read_json(file)
    jsonschema.validate(found, SCHEMA)
    assert read_json(listing) == {"graphs": [found["metadata"]]}
    assert written.stem == found["metadata"]["slug"]
    ids = [node["node_id"] for node in found["nodes"]]
    assert len(set(ids)) == len(ids) == len(source["nodes"])
    assert {end for link in found["links"] for end in (link["source"], link["target"])} <= set(ids)
    assert [link["weight"] for link in found["links"]] == [edge["weight"] for edge in source["edges"]]
    assert sum(node["is_target_logit"] for node in found["nodes"]) == 1
    assert all(node["ctx_idx"] < len(found["metadata"]["prompt_tokens"]) for node in found["nodes"])
    layers = {node["node_id"]: -1 if node["layer"] == "E" else int(node["layer"]) for node in found["nodes"]}
    assert all(layers[link["source"]] <= layers[link["target"]] for link in found["links"])


def test_the_schema_refuses_what_viewers_cannot_read(file: Path) -> None:
    for part, key in (("nodes", "layer"), ("links", "target"), ("metadata", "slug")):
        found = neuronpedia.neuronpedia(read_json(file))
        del (found[part] if part == "metadata" else found[part][0])[key]
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate(found, SCHEMA)


def test_a_circuit_in_the_viewer_has_its_labels_layers_and_order() -> None:
    found = neuronpedia.neuronpedia(CIRCUIT)
    first, _, _, error, output = found["nodes"]
    assert (first["node_id"], first["layer"], first["feature"]) == ("0_7_0", "0", 7 * 8 // 2 + 7)
    assert first["clerp"] == "resid_post.0/7:  a, b"
    assert first["influence"] == pytest.approx(3 / 5.5)
    assert error["feature_type"] == "mlp reconstruction error"
    assert (output["feature_type"], output["layer"]) == ("logit", "3")


def test_graphml_and_tables_hold_every_node_and_edge(file: Path, tmp_path: Path) -> None:
    source = read_json(file)
    (written,) = export(file, "graphml", tmp_path)
    read = networkx.read_graphml(written)
    edges = {(edge["source"], edge["target"]): edge["weight"] for edge in source["edges"]}
    assert set(read.nodes) == {node["id"] for node in source["nodes"]}
    assert {(u, v): data["weight"] for u, v, data in read.edges(data=True)} == pytest.approx(edges)
    nodes, links = export(file, "csv", tmp_path)
    with nodes.open(newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == [node["id"] for node in source["nodes"]]
    with links.open(newline="") as stream:
        rows = {(row["source"], row["target"]): float(row["weight"]) for row in csv.DictReader(stream)}
    assert rows == pytest.approx(edges)


def test_what_is_no_circuit_is_said_so(tmp_path: Path) -> None:
    write_json(tmp_path / "other.json", {"nodes": []})
    with pytest.raises(StudyError, match="neither a circuit"):
        export(tmp_path / "other.json", "csv", tmp_path)
