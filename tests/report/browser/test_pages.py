"""The report in Chromium: its pages open from disk, answer, and are accessible."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from sparse_circuits.report.page import write_pages
from sparse_circuits.report.weights import write_weight_pages
from worlds.checkout import ROOT
from worlds.report_study import ANSWER, HOSTILE, found_weights, make_report_study, write

WIDTHS = (1280, 390)
SHOTS = ROOT / "build/screenshots"  # of every page at both widths, to be looked at


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A window whose console must stay empty."""
    page = browser.new_page(viewport={"width": WIDTHS[0], "height": 900})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append("a text was run as a script"))
    yield page
    page.close()
    assert told == []


@pytest.fixture(params=["hostile", "test study", "weights"])
def pages(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The pages of a study whose texts try to be HTML, of the test study, and of weight-sparse models."""
    if request.param == "hostile":
        return Path(request.getfixturevalue("report_folder"))
    if request.param == "test study":
        return Path(request.getfixturevalue("finished")) / "results/report/test"
    write_weight_pages(found_weights(tmp_path / "results"), "w", tmp_path / "page")
    return tmp_path / "page"


def test_every_page_opens_from_disk_is_accessible_and_fits(
    page: Any, pages: Path, request: pytest.FixtureRequest
) -> None:
    names = sorted(path.name for path in pages.glob("*.html"))
    assert {"index.html", "provenance.html"} < set(names)
    assert len(names) > 3
    shots = SHOTS / request.node.callspec.id
    shots.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for name in names:
            page.emulate_media(color_scheme="light")
            page.goto((pages / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} at {width}"
            page.screenshot(path=shots / f"{name}-{width}.png", full_page=True)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                found = Axe().run(page, options={"preload": False}).response["violations"]
                assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == [], f"{name} at {width}, {scheme}"


def test_the_head_is_one_line_with_forty_circuits_and_leads_to_each_by_keyboard_without_scripts(
    browser: Any, tmp_path: Path
) -> None:
    found = make_report_study(tmp_path / "results")
    (first,) = found.circuits
    circuits = []
    for number in range(40):
        folder = tmp_path / f"results/circuits/s/agreement_{number:02d}/features"
        for name in ("circuit.json", "evaluation.json"):
            told = {**json.loads(first.with_name(name).read_text()), "task": f"agreement_{number:02d}"}
            write(folder / name, told)
        circuits.append(folder / "circuit.json")
    write_pages(replace(found, circuits=[first, *circuits]), "s", "<task>", tmp_path / "page")
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": 900}, java_script_enabled=False)
        page.goto((tmp_path / "page/circuit_agreement_07_features.html").as_uri())
        assert page.locator("nav").bounding_box()["height"] < 50
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("summary", has_text="Circuits").focus()
        page.keyboard.press("Enter")
        assert page.locator("nav").bounding_box()["height"] < 50
        last = page.locator("nav a", has_text="agreement_39")
        page.screenshot(path=SHOTS / f"menu-{width}.png")
        last.focus()
        box = last.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert 0 < box["y"] < 900
        page.keyboard.press("Enter")
        page.wait_for_url("**/circuit_agreement_39_features.html")
        page.close()


# What is drawn of the names of sites and of nodes' labels: [left, top, right, bottom, pixels of a letter].
WORDS = """() => {
  const cy = REPORT.viewer.cy, { left, top } = document.getElementById("graph").getBoundingClientRect();
  const sites = [...document.querySelectorAll("#sites span")].filter((name) => !name.hidden).map((name) => {
    const box = name.getBoundingClientRect();
    const size = parseFloat(getComputedStyle(name).fontSize);
    return [box.left - left, box.top - top, box.right - left, box.bottom - top, size];
  });
  const size = 11 * cy.zoom();
  const drawn = size < cy.nodes()[0].numericStyle("min-zoomed-font-size") ? [] : cy.nodes().map((node) => {
    const box = node.renderedBoundingBox({ includeNodes: false, includeEdges: false, includeLabels: true });
    return [box.x1, box.y1, box.x2, box.y2, size];
  });
  return [sites, drawn];
}"""


@pytest.mark.parametrize("name", ["circuit_<task>_features.html", "graph_keys.html", "circuit_quote_sparse.html"])
@pytest.mark.parametrize("nodes", [6, 200])
@pytest.mark.parametrize("width", WIDTHS)
def test_names_of_sites_are_readable_at_first_view_and_no_words_lie_on_others(
    page: Any, tmp_path: Path, name: str, nodes: int, width: int
) -> None:
    write_pages(make_report_study(tmp_path / "results", nodes=nodes), "s", "<task>", tmp_path / "page")
    write_weight_pages(found_weights(tmp_path / "w/results"), "w", tmp_path / "page")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((tmp_path / "page" / name).as_uri())
    sites, labels = page.evaluate(WORDS)
    assert len(sites) == page.evaluate("REPORT.circuit.rows.length")
    assert all(size >= 12 for *_, size in sites)
    assert all(size >= 9 for *_, size in labels)
    frame = page.locator("#graph").bounding_box()
    for left, top, right, bottom, _ in [*sites, *labels]:
        assert left >= 0
        assert top >= 0
        assert right <= frame["width"]
        assert bottom <= frame["height"]
    for one, other in combinations([*sites, *labels], 2):
        apart = one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
        assert apart, (one, other)


def test_a_large_study_loads_whole_and_its_slider_answers(page: Any, tmp_path: Path) -> None:
    """2,000 features and 1,000 edges; how fast, `benchmarks/report.py` measures."""
    found = make_report_study(tmp_path / "results", nodes=200, features=2000, edges=1000)
    write_pages(found, "s", "<task>", tmp_path / "page")
    page.goto((tmp_path / "page/saes.html").as_uri())
    page.goto((tmp_path / "page/circuit_<task>_features.html").as_uri())
    assert page.evaluate("REPORT.viewer.cy.edges().length") == 1000
    assert page.evaluate("REPORT.viewer.cy.edges(':visible').length") > 0
    assert len(page.evaluate(ANSWER, 3)) == 3


def test_the_pages_of_weight_sparse_models_answer(page: Any, tmp_path: Path) -> None:
    write_weight_pages(found_weights(tmp_path / "results"), "w", tmp_path / "page")
    page.goto((tmp_path / "page/index.html").as_uri())
    page.click("text=quote")
    page.click("#nodes button >> text=mlp_out.0/7")
    assert "tells prompts apart" in page.inner_text("#panel")
    assert HOSTILE.replace(" ", "␣") in page.inner_text("#panel")
    assert "attn_in.0/1" in page.inner_text("#panel")
    page.fill("#search", "attn_in")
    assert page.inner_text("#matches") == "1 of 2 nodes"


def test_a_circuit_answers_to_clicks_slider_and_search(page: Any, report_folder: Path) -> None:
    page.goto((report_folder / "circuit_<task>_features.html").as_uri())
    assert "6 nodes: faithfulness 0.5" in page.inner_text("#faithfulness")
    place = page.evaluate("REPORT.viewer.cy.getElementById('n0').renderedPosition()")
    box = page.locator("#graph").bounding_box()
    page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
    panel = page.locator("#panel")
    assert panel.locator("h2").inner_text() == "resid_post.0/0"
    assert f"tokens like {HOSTILE}" in panel.inner_text()
    assert panel.locator(".context .at").inner_text() == HOSTILE
    assert "−0.625 on held-out pairs" in panel.inner_text()
    shown = "REPORT.viewer.cy.edges(':visible').length"
    assert page.evaluate(shown) == 8
    page.locator("#size").fill("2")
    assert "2 nodes: faithfulness 0.5 (95 % 0.4 to 0.6; random nodes 0.1)" in page.inner_text("#faithfulness")
    page.wait_for_function(f"{shown} === 1")
    page.locator("#size").fill("3")
    assert "not measured; faithfulness 0.5 at 2, 1 at 50" in page.inner_text("#faithfulness")
    page.locator("#search").fill("_post.1/1")
    assert page.inner_text("#matches") == "1 of 8 nodes"
    page.locator("#nodes tbody button").click()
    assert panel.locator("h2").inner_text() == "resid_post.1/1"
    assert page.input_value("#size") == "4", "a node that was left out comes back when chosen"
    panel.locator("li button").first.click()
    assert panel.locator("h2").inner_text().startswith("resid_post.0/")


def test_features_are_sorted_filtered_and_shown(page: Any, report_folder: Path) -> None:
    page.goto((report_folder / "saes.html").as_uri())
    assert page.inner_text("#matches") == "64 features"
    page.locator("th button", has_text="density").click()
    assert page.locator("#features tbody tr").first.locator("button").inner_text() == "63"
    page.locator("#described").check()
    assert page.inner_text("#matches") == "3 features"
    page.locator("#search").fill("are")
    page.locator("#features tbody button").first.focus()
    page.keyboard.press("Enter")
    assert HOSTILE in page.inner_text("#panel")
    page.select_option("#sae", index=1)
    page.wait_for_function("REPORT.sae.site === 'resid_post.1'")


def test_edits_claims_and_artefacts_are_told(page: Any, report_folder: Path) -> None:
    page.goto((report_folder / "edits.html").as_uri())
    assert page.locator("mark").all_inner_texts()[1:] == ["old", "old"]
    for summary in page.locator("main summary").all():
        summary.click()
    assert HOSTILE in page.inner_text("main details >> nth=0"), "the reason"
    assert "resid_post.1/2" in page.inner_text("main details >> nth=1")
    page.goto((report_folder / "claims.html").as_uri())
    assert page.inner_text(".verdict") == "pass"
    page.goto((report_folder / "provenance.html").as_uri())
    page.locator("#search").fill("claims")
    assert page.inner_text("#artefacts tbody th") == "results/claims/s.json"
    assert "snakemake -- results/claims/s.json" in page.inner_text("#artefacts tbody")
