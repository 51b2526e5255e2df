"""Jobs side by side on one machine get different GPUs."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from sparse_circuits.base.gpu import claim
print(claim(3, Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def _start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _answer(child: subprocess.Popen[str]) -> int:
    assert child.stdout is not None
    return int(child.stdout.readline())


def test_processes_get_different_gpus_and_a_killed_one_frees_its_own(tmp_path: Path) -> None:
    children = [_start(tmp_path) for _ in range(3)]
    numbers = [_answer(child) for child in children]
    assert sorted(numbers) == [0, 1, 2]
    children[1].kill()
    children[1].wait()
    children.append(_start(tmp_path))
    assert _answer(children[-1]) == numbers[1]
    children.append(_start(tmp_path))
    assert _answer(children[-1]) in range(3), "when all are taken, they are shared"
    for child in children:
        child.kill()
        child.wait()
