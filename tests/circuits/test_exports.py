"""Exports say what the file says, and satisfy the viewers' schema."""

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import networkx
import pandas
import pytest
import torch

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.prompt_graph import PromptGraph
from sparse_circuits.artefacts.weight_circuit import WeightCircuit
from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.circuits.exports import neuronpedia
from sparse_circuits.circuits.exports.registry import export
from sparse_circuits.circuits.graph.graph_file import node_ids, shown_graph
from sparse_circuits.circuits.graph.pruning import prune
from sparse_circuits.circuits.graph.trace import trace_prompt
from worlds.artefact_example import example
from worlds.circuit_file import CIRCUIT, labelled
from worlds.networks import TRIANGLE, UNCAPPED, features, language

SCHEMA = json.loads(Path(neuronpedia.__file__).with_suffix(".schema.json").read_text())

HOSTILE = {
    "control character": "a\x1bb\x00",
    "surrogate": "half \ud83d",
    "no character": "\ufffe",
    "quotes": "\"'`<&>]]>",
    "bars and commas": "a|b,c;d",
    "line ends": "a\nb\tc",
    "carriage return": "a\rb",
    "emoji": "👩‍💻 😀",
    "scripts": "各 열쇠 مفاتيح चाबी",
    "bytes": "⟨F0 9F⟩",
    "a missing value": "NA",
}
PICTURES = {"a\x1bb\x00": "a␛b␀", "half \ud83d": "half �", "\ufffe": "�", "a\rb": "a␍b"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = language(UNCAPPED[0])
    traced = trace_prompt(
        model, torch.tensor([[0, 5, 6, 7, 9]]), {site: features(seed) for seed, site in enumerate(TRIANGLE)}
    )
    facts = {"study": "test", "name": "keys", "prompt": "p", "model": "tiny", "num_layers": 2, "max_nodes": 9}
    facts |= {"logits": {"mass": 0.95, "max": 10}, "pruning": {"node_share": 0.8, "edge_share": 0.98}}
    path = tmp_path_factory.mktemp("graph") / "graph.json"
    outputs = [f"o{index}" for index in traced.indices[traced.is_logit]]
    shown = shown_graph(traced, prune(traced, 0.8, 0.98), [f"t{i}" for i in range(5)], outputs, {})
    example(PromptGraph, **facts, **shown.plain()).write(path)
    assert len(set(node_ids(traced))) == traced.size
    return path


def read(file: Path) -> ScoredCircuit | PromptGraph:
    return (PromptGraph if file.name == "graph.json" else ScoredCircuit).read(file)


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
        found = neuronpedia.neuronpedia(read(file))
        del (found[part] if part == "metadata" else found[part][0])[key]
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate(found, SCHEMA)


def test_a_circuit_in_the_viewer_has_its_labels_layers_and_order() -> None:
    found = neuronpedia.neuronpedia(ScoredCircuit(**CIRCUIT))
    first, _, _, error, output = found["nodes"]
    assert (first["node_id"], first["layer"], first["feature"]) == ("0_7_0", "0", 7 * 8 // 2 + 7)
    assert first["clerp"] == "resid_post.0/7: “ a” “b”"
    assert first["top_logit_effects"] == [" a", "b"]
    assert first["influence"] == pytest.approx(3 / 5.5)
    assert error["feature_type"] == "mlp reconstruction error"
    assert (output["feature_type"], output["layer"], output["ctx_idx"]) == ("logit", "3", 1)
    assert output["clerp"] == 'Output "logit_difference" (p=1.000)'
    assert found["metadata"]["prompt_tokens"] == ["(all positions)", "(output)"]


def test_graphml_and_tables_hold_every_node_and_edge(file: Path, tmp_path: Path) -> None:
    source = read_json(file)
    edges = {(edge["source"], edge["target"]): edge["weight"] for edge in source["edges"]}
    ids = [node["id"] for node in source["nodes"]]
    (written,) = export(file, "graphml", tmp_path)
    ElementTree.parse(written)
    read = networkx.read_graphml(written)
    assert set(read.nodes) == set(ids)
    assert {(u, v): data["weight"] for u, v, data in read.edges(data=True)} == pytest.approx(edges)
    nodes, links = export(file, "csv", tmp_path)
    with nodes.open(newline="", encoding="utf-8") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ids
    assert pandas.read_csv(nodes)["id"].tolist() == ids
    rows = pandas.read_csv(links).set_index(["source", "target"])["weight"]
    assert rows.to_dict() == pytest.approx(edges)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_texts_come_back_from_every_export(hostile: str, tmp_path: Path) -> None:
    """As written, or with pictures where a format has no way to write a character."""
    shown = PICTURES.get(hostile, hostile)
    write_json(tmp_path / "circuit.json", labelled(hostile))
    (graphml,) = export(tmp_path / "circuit.json", "graphml", tmp_path)
    node = networkx.read_graphml(graphml).nodes["resid_post.0/7"]
    nodes, _ = export(tmp_path / "circuit.json", "csv", tmp_path)
    row = pandas.read_csv(nodes, keep_default_na=False).iloc[0]
    with nodes.open(newline="", encoding="utf-8") as stream:
        plain = next(csv.DictReader(stream))
    for found in (node, row, plain):
        assert json.loads(found["promotes"]) == [shown, "b"]
    written, _ = export(tmp_path / "circuit.json", "neuronpedia", tmp_path)
    found = read_json(written)
    jsonschema.validate(found, SCHEMA)
    assert found["nodes"][0]["top_logit_effects"] == [hostile, "b"]


@pytest.mark.parametrize("token", [*HOSTILE.values(), "(p=", '"', '" (p=0.1)'])
def test_the_viewer_reads_a_logits_token_and_probability_whatever_the_token(token: str, graph: Path) -> None:
    """As util-cg.js of circuit-tracer 0.5.0 takes the label apart."""
    source = read_json(graph)
    for node in source["nodes"]:
        node |= {"token": token} if node["site"] == "output" else {}
    logits = [
        node for node in neuronpedia.neuronpedia(PromptGraph(**source))["nodes"] if node["feature_type"] == "logit"
    ]
    for node in logits:
        assert float(node["clerp"].split("(p=")[1].split(")")[0]) == pytest.approx(node["token_prob"], abs=5e-4)
        assert node["clerp"].count('"') == 2


def test_no_label_is_html_to_a_browser() -> None:
    circuit = ScoredCircuit(**labelled("<img src=x onerror=alert(1)> </b> <|end|> a < b"))
    found = neuronpedia.neuronpedia(circuit)
    assert found["nodes"][0]["clerp"].endswith("“‹img src=x onerror=alert(1)> ‹/b> <|end|> a < b” “b”")


def test_graphs_exported_to_one_folder_are_all_in_the_list(file: Path, tmp_path: Path) -> None:
    other = write_named(read_json(file), tmp_path / "other.json")
    for source in (file, other, file):
        export(source, "neuronpedia", tmp_path / "out")
    listed = [entry["slug"] for entry in read_json(tmp_path / "out/graph-metadata.json")["graphs"]]
    assert len(listed) == 2
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {*listed, "graph-metadata"}


def test_the_viewers_pruning_hides_no_node_that_was_kept(graph: Path) -> None:
    found = neuronpedia.neuronpedia(PromptGraph.read(graph))
    threshold = found["metadata"]["node_threshold"]
    inner = [node for node in found["nodes"] if node["feature_type"] not in ("embedding", "logit")]
    assert inner
    assert [node for node in inner if node["influence"] > threshold] == []


def write_named(found: dict[str, Any], path: Path) -> Path:
    write_json(path, {**found, "study": "other"})
    return path


def test_what_is_no_circuit_is_said_so(tmp_path: Path) -> None:
    write_json(tmp_path / "other.json", {"nodes": []})
    with pytest.raises(StudyError, match="neither a circuit"):
        export(tmp_path / "other.json", "csv", tmp_path)


def test_circuits_of_weight_sparse_models_are_exported_where_a_format_can(tmp_path: Path) -> None:
    """Whose nodes have no scores and lead to no logit, and of which there are none where a task is not solved."""
    facts = {"study": "w", "task": "t", "model": "sparse", "basis": "weights"}
    nodes = [{"id": f"{site}/1", "site": site, "position": None} for site in ("attn_in.0", "mlp_out.0")]
    edge = {"source": "attn_in.0/1", "target": "mlp_out.0/1", "weight": 0.5}
    example(WeightCircuit, **facts, nodes=nodes, edges=[edge]).write(tmp_path / "circuit.json")
    (written,) = export(tmp_path / "circuit.json", "graphml", tmp_path)
    assert networkx.read_graphml(written).edges["attn_in.0/1", "mlp_out.0/1"]["weight"] == 0.5
    with pytest.raises(StudyError, match="no logit, which Neuronpedia needs"):
        export(tmp_path / "circuit.json", "neuronpedia", tmp_path)
    example(WeightCircuit, **facts).write(tmp_path / "empty.json")
    with pytest.raises(StudyError, match="nothing to export"):
        export(tmp_path / "empty.json", "csv", tmp_path)
