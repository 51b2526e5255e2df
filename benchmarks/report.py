"""The report in a browser: time to open pages and to answer a slider, at 2,000 features and 1,000 edges.

Needs playwright (`make extras`) and Chromium (on Debian `apt-get install chromium`).
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page, sync_playwright

from common import Claim, publish_findings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from sparse_circuits.report.page import write_pages
from worlds.report_study import ANSWER, LOADED, make_report_study

MOVES = 30


def opened(page: Page, path: Path) -> float:
    """Seconds until a page is loaded and its scripts have run."""
    page.goto(path.as_uri())
    return float(page.evaluate(LOADED))


def measure(folder: Path) -> list[Claim]:
    """Write pages of a large study and measure them."""
    found = make_report_study(folder / "results", nodes=200, features=2000, edges=1000)
    write_pages(found, "s", "<task>", folder / "page")
    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page: Any = browser.new_page(viewport={"width": 1280, "height": 900})
        circuit = opened(page, folder / "page/circuit_<task>_features.html")
        times = page.evaluate(ANSWER, MOVES)
        features = opened(page, folder / "page/saes.html")
        browser.close()
    return [
        Claim("circuit page of 1,000 edges opens", circuit, "s", 2.0, at_most=True),
        Claim("features page of 2,000 features opens", features, "s", 2.0, at_most=True),
        Claim("slider move, median", statistics.median(times), "ms", 100.0, at_most=True),
        Claim("slider move, slowest", times[-1], "ms", 100.0, at_most=True),
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        publish_findings("report", torch.device("cpu"), measure(Path(folder)), [])
