"""Profiles of machines that are not here: what can be shown of them without a cluster."""

import re
import shutil
import stat
from pathlib import Path

import pytest

from worlds.checkout import NOTHING, STUDY, checkout, edit, hashes, in_folder, ok, planned, shorten

# A scheduler of few words: it runs what is submitted, one process a job, and notes what each asked for.
SUBMIT = """#!/usr/bin/env bash
set -euo pipefail
mkdir -p spool
id=$(date +%s%N)-$$
cp "$4" "spool/$id.sh"
echo "$2 $(grep -o '"rule": "[a-z_]*"' "$4" | cut -d'"' -f4)" >> spool/asked
echo running > "spool/$id"
( if bash "spool/$id.sh" > "spool/$id.log" 2>&1; then echo success; else echo failed; fi > "spool/$id.new"
  mv "spool/$id.new" "spool/$id" ) > /dev/null 2>&1 < /dev/null &
echo "$id"
"""
STATUS = '#!/usr/bin/env bash\ncat "spool/$1"\n'


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_any_scheduler_with_a_submit_and_a_status_command_and_failed_jobs_ask_for_more_memory(
    finished: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished, tmp_path / "study", symlinks=True)
    _program(folder / "profiles/generic/submit.sh", SUBMIT)
    _program(folder / "profiles/generic/status.sh", STATUS)
    # The first try fails, as where a job needs more memory than it asked for.
    begun = "    folder = files.manifest.parent"
    step = folder / "src/sparse_circuits/steps/write_manifest.py"
    edit(step, begun, f"    _try()\n{begun}")
    with step.open("a") as file:
        file.write('\n\ndef _try() -> None:\n    first = Path("spool/first")\n    if not first.exists():\n')
        file.write("        first.touch()\n        raise MemoryError\n")
    flags = ("--jobs", "2", "--seconds-between-status-checks", "1", "--latency-wait", "5")
    ok(in_folder(folder)("snakemake", "--workflow-profile", "profiles/generic", *flags, "--", "activations"))
    asked = [line.split() for line in (folder / "spool/asked").read_text().splitlines()]
    assert asked == [["2000", "write_manifest"], ["4000", "write_manifest"]]
    assert NOTHING in ok(in_folder(folder)("snakemake", "-n", "activations"))


@pytest.mark.whole
def test_another_folder_and_a_bucket_give_the_same_bytes_and_they_come_home(
    finished: Path, s3: str, tmp_path: Path
) -> None:
    import boto3

    folder = checkout(tmp_path)
    shorten(folder / STUDY, "own")
    client = boto3.client("s3", endpoint_url=s3, aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="sparse-circuits")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    storage = {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "test", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "test"}
    run = in_folder(folder, **keys, **storage)
    profile = ("snakemake", "--workflow-profile", "profiles/kubernetes", "--storage-s3-endpoint-url", s3)
    plan = ok(run(*profile, "-n"))
    assert re.search(r"^train_sae +2$", plan, re.MULTILINE)
    assert "s3://sparse-circuits/results/saes" in plan
    ok(run(*profile, "--executor", "local", "--cores", "2"))
    assert not (folder / "results").exists(), "there is no shared disk"
    ok(run("sparse-circuits", "collect", "s3://sparse-circuits", "--endpoint", s3))
    home, disk = hashes(folder), hashes(finished)
    # The same spec in another folder gives the same bytes; these alone show what this study was shortened by.
    differ = {name for name, digest in home.items() if digest != disk[name]}
    assert {name.split("/")[1] for name in set(home) - differ} > {
        "models",
        "activations",
        "saes",
        "circuits",
        "figures",
    }
    # Of all circuits, of which there are fewer, the features are interpreted, and faithfulness and stability drawn.
    drawn = ("results/figures/test/faithfulness.", "results/figures/test/stability.")
    shortened = (*drawn, "results/interpretations/", "results/report/")
    assert {name for name in differ if not name.startswith(shortened)} == set()
    assert planned(folder) == {"record", "snapshot"}
    ok(run("snakemake", "snapshot"))
    ok(run("dvc", "status", "-q"))
    done = run("sparse-circuits", "collect", "s3://nowhere", "--endpoint", s3)
    assert done.stderr.startswith("error: s3://nowhere: ")
