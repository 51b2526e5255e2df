"""Whose library programs run with: that of their own clone, or another's, while fingerprints follow the clone."""

import os
import shutil
import subprocess
from pathlib import Path

from sparse_circuits.base.errors import StudyError
from sparse_circuits.base.fingerprint import PACKAGE, SOURCE

# In bytes: a folder's name need not be what the output's encoding can write.
WHERE = f"""
import importlib.util, os, sys
found = importlib.util.find_spec("{PACKAGE}")
sys.stdout.buffer.write(os.fsencode(found.submodule_search_locations[0] if found else ""))
"""


def check_library(clone: Path, imported: Path | None = SOURCE) -> None:
    """Raise StudyError when the programs of `clone` import the package from elsewhere, or, `imported` None, not at all.

    A copied .venv runs with the library of the clone that it was made in, a moved one with none. A folder without
    sources is no clone: there the package is installed.
    """
    own = clone / "src" / PACKAGE
    if own.is_dir() and not (imported and imported.is_dir() and own.samefile(imported)):
        found = f"the library of {imported}" if imported else "no library"
        raise StudyError(
            f"{clone.resolve()}: its programs would run with {found}; make its environment anew "
            "(`rm -rf .venv && make setup`, then `source .venv/bin/activate`) or set PYTHONPATH to its src/"
        )


def imported_by(python: str) -> Path | None:
    """Return the folder that a Python imports this package from; None when it finds none."""
    program = shutil.which(python)
    found = subprocess.run([program, "-c", WHERE], capture_output=True, check=False).stdout if program else b""
    return Path(os.fsdecode(found)) if found else None
