"""What is exported for Neuronpedia opens in circuit-tracer's own viewer: every node is drawn, named and answers."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sparse_circuits.base.files import read_json, write_json
from sparse_circuits.circuits.exports.registry import export
from worlds.checkout import ROOT
from worlds.circuit_file import CIRCUIT, labelled

VENDOR = Path(__file__).with_name("vendor")
SERVER = "http://viewer"
# What the page loads from elsewhere; of the rest it needs nothing here.
JETPACK = (VENDOR / "d3-jetpack.cjs").read_text() + (VENDOR.parent / "jetpack.js").read_text()
LIBRARIES = {
    "/lib/d3.js": (VENDOR / "d3.min.js").read_text(),
    "/dagre.min.js": (VENDOR / "dagre.min.js").read_text(),
    "/lib/jetpack_2024-07-20.js": f"((exports, module, require) => {{ {JETPACK} }})({{}}, {{}}, () => d3)",
}
HOSTILE = '<img src=x onerror=alert(1)> "各" | (p= 😀'
PLACES = """[...document.querySelectorAll(".link-graph text.node")].map((node) => {
  const { x, y, width, height } = node.getBoundingClientRect();
  return { id: node.__data__.node_id, x: x + width / 2, y: y + height / 2 };
})"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A window without errors and without texts run as scripts."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append("a text was run as a script"))
    yield page
    page.close()
    assert told == []


@pytest.fixture
def viewer(page: Any, tmp_path: Path) -> Iterator[Any]:
    """A function that exports a circuit or graph and opens it as `circuit_tracer.frontend.local_server` serves it."""
    spec = find_spec("circuit_tracer")
    assert spec is not None, "circuit-tracer is missing: make extras"
    assert spec.origin is not None
    assets = Path(spec.origin).parent / "frontend/assets"

    def answer(route: Any) -> None:
        address = route.request.url.partition("?")[0]
        if library := next((text for end, text in LIBRARIES.items() if address.endswith(end)), None):
            route.fulfill(body=library, content_type="text/javascript")
        elif not address.startswith(SERVER) and route.request.resource_type == "script":
            route.fulfill(body="", content_type="text/javascript")
        elif not address.startswith(SERVER):
            # Texts in which a feature is active: nobody has uploaded them.
            route.fulfill(status=404 if "huggingface.co" in address else 200, json={"examples_quantiles": []})
        else:
            folder, _, name = address.removeprefix(f"{SERVER}/").partition("/")
            path = tmp_path / name if folder in ("data", "graph_data") else assets / folder / name
            route.fulfill(path=path)

    def opened(file: Path) -> dict[str, Any]:
        written, _ = export(file, "neuronpedia", tmp_path)
        page.route("**/*", answer)
        page.goto(f"{SERVER}/index.html")
        page.wait_for_selector(".link-graph text.node", timeout=10_000)
        found: dict[str, Any] = read_json(written)
        return found

    return opened


def _circuit(case: str, request: pytest.FixtureRequest, folder: Path) -> Path:
    path = folder / "source.json"
    if case == "hostile":
        write_json(path, labelled(HOSTILE))
    elif case == "one position":
        write_json(
            path, {**CIRCUIT, "nodes": [n | {"position": 0 if "/" in n["id"] else None} for n in CIRCUIT["nodes"]]}
        )
    else:
        path = Path(request.getfixturevalue("finished")) / f"results/{case}"
    return path


CASES = ("hostile", "one position", "circuits/test/nounpp/features/circuit.json", "graphs/test/keys/graph.json")


@pytest.mark.parametrize("case", CASES)
def test_every_node_is_drawn_with_its_label_and_answers_to_a_click(
    viewer: Any, page: Any, request: pytest.FixtureRequest, case: str, tmp_path: Path
) -> None:
    found = viewer(_circuit(case, request, tmp_path))
    nodes = {node["node_id"]: node for node in found["nodes"]}
    places = page.evaluate(PLACES)
    assert {place["id"] for place in places} == nodes.keys()
    assert page.locator("g.prompt-token").count() > 0
    for place in places:
        node = nodes[place["id"]]
        page.mouse.click(place["x"], place["y"])
        named = page.inner_text(".node-connections .feature-title")
        if node["feature_type"] != "embedding":  # whose label the viewer makes of the token
            assert named.replace("\n", " ") == node["clerp"].strip()
        told = page.inner_text(".feature-detail")
        assert all(token.strip() in told for token in node.get("top_logit_effects", []))
    page.screenshot(path=ROOT / "build/screenshots" / f"viewer-{case.replace('/', '-')}.png", full_page=True)
