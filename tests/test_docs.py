"""The documentation site builds, and every link in it leads somewhere."""

import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Return an artefact of results/" in (tmp_path / "site/reference/index.html").read_text()
