"""The report's pages: the same bytes from the same artefacts, nothing of an artefact read as HTML, and, in Chromium,
that they open from disk, answer, and are accessible."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from report_study import HOSTILE, make_report_study
from sparse_circuits.files import sha256
from sparse_circuits.report.contents import HERE, VENDORED, Contents, report_files
from sparse_circuits.report.page import write_pages

CHROMIUM = shutil.which("chromium")
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a study whose texts try to be HTML."""
    base = tmp_path_factory.mktemp("report")
    write_pages(make_report_study(base / "results"), base / "page")
    return base / "page"


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_workflow_knows_every_file_of_the_pages_before_they_are_written(folder: Path) -> None:
    saes = (("resid_post.0", "topk"), ("resid_post.1", "topk"))
    contents = Contents((("<task>", "features"),), saes, ("faithfulness",), edits=True, claims=True)
    assert set(report_files(contents)) == set(written(folder))


def test_the_same_artefacts_give_the_same_bytes_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    write_pages(make_report_study(tmp_path / "results"), tmp_path / "page")
    assert written(tmp_path / "page") == written(folder)


def test_nothing_of_an_artefact_is_html(folder: Path) -> None:
    for name, content in written(folder).items():
        if not name.startswith("assets/"):
            assert b"<img src=x" not in content, name


def test_pages_load_nothing_from_elsewhere(folder: Path) -> None:
    for path in folder.glob("*.html"):
        loaded = re.findall(r'(?:src|href)="([^"]*)"', path.read_text())
        assert not [name for name in loaded if "//" in name or name.startswith("/")]


def test_vendored_libraries_are_those_that_the_list_names() -> None:
    listed = dict(re.findall(r"\| `([\w.-]+)` .*\| (\w{64}) \|", (HERE / "vendor/README.md").read_text()))
    assert {name: sha256(HERE / "vendor" / name) for name in listed} == listed
    assert {name for name in VENDORED if not name.endswith(".LICENSE")} == set(listed)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="`make extras` installs playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


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


def test_every_page_opens_from_disk_is_accessible_and_fits(page: Any, folder: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in folder.glob("*.html"))
    assert {"index.html", "saes.html", "edits.html", "claims.html", "provenance.html"} < set(names)
    axe = (ROOT / "tests/vendor/axe.min.js").read_text()
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            for name in names:
                page.goto((folder / name).as_uri())
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} at {width}"
                page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png")
                page.evaluate(axe)
                found = page.evaluate("axe.run({preload: false})")["violations"]
                assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == [], f"{name} at {width}, {scheme}"


def test_a_circuit_answers_to_clicks_slider_and_search(page: Any, folder: Path) -> None:
    page.goto((folder / "circuit_<task>_features.html").as_uri())
    assert "6 nodes: faithfulness 0.75" in page.inner_text("#faithfulness")
    place = page.evaluate("REPORT.viewer.cy.getElementById('n0').renderedPosition()")
    box = page.locator("#graph").bounding_box()
    page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
    panel = page.locator("#panel")
    assert panel.locator("h2").inner_text() == "resid_post.0/0"
    assert f"tokens like {HOSTILE}" in panel.inner_text()
    assert panel.locator(".context .at").inner_text() == HOSTILE
    shown = "REPORT.viewer.cy.edges(':visible').length"
    assert page.evaluate(shown) == 8
    page.locator("#size").fill("2")
    assert "2 nodes: faithfulness 0.5 (95 % 0.4 to 0.6; random nodes 0.1)" in page.inner_text("#faithfulness")
    assert page.evaluate(shown) == 1
    page.locator("#size").fill("3")
    assert "not measured; faithfulness 0.5 at 2, 1 at 50" in page.inner_text("#faithfulness")
    page.locator("#search").fill("_post.1/1")
    assert page.inner_text("#matches") == "1 of 8 nodes"
    page.locator("#nodes tbody button").click()
    assert panel.locator("h2").inner_text() == "resid_post.1/1"
    assert page.input_value("#size") == "4", "a node that was left out comes back when chosen"
    panel.locator("li button").first.click()
    assert panel.locator("h2").inner_text().startswith("resid_post.0/")


def test_features_are_sorted_filtered_and_shown(page: Any, folder: Path) -> None:
    page.goto((folder / "saes.html").as_uri())
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


def test_edits_claims_and_artefacts_are_told(page: Any, folder: Path) -> None:
    page.goto((folder / "edits.html").as_uri())
    assert page.locator("mark").all_inner_texts()[1:] == ["old", "old"]
    page.goto((folder / "claims.html").as_uri())
    assert page.inner_text(".verdict") == "pass"
    page.goto((folder / "provenance.html").as_uri())
    page.locator("#search").fill("claims")
    assert page.inner_text("#artefacts tbody th") == "results/claims/s.json"
    assert "snakemake -- results/claims/s.json" in page.inner_text("#artefacts tbody")
