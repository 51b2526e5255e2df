"""What tests share: the tiny model of the test study, and the repository's root."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import make_fixtures
from sparse_circuits.config import load_models
from sparse_circuits.models import Language, load_language_model
from sparse_circuits.models.convert import convert
from sparse_circuits.sources import fetch

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _fixtures() -> None:
    torch.set_num_threads(1)
    make_fixtures.main()


@pytest.fixture(params=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Every device of this machine."""
    return torch.device(request.param)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama as the workflow makes it: fetched, checked, converted."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(ROOT)
    entry = load_models(Path("config/test/models.yaml"))["tiny-llama"]
    fetched, folder = tmp_path_factory.mktemp("fetched"), tmp_path_factory.mktemp("model") / "tiny-llama"
    fetch(entry.sources, fetched, "tiny-llama")
    convert("tiny-llama", entry, fetched, folder)
    monkeypatch.undo()
    return folder


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> Language:
    """The tiny Llama, loaded."""
    return load_language_model(tiny_folder, torch.device("cpu"))


def run_script(
    name: str, *arguments: object, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the repository's scripts as the workflow does."""
    command = [sys.executable, "-W", "ignore", str(ROOT / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
