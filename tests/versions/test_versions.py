"""Recording, restoring and sharing: with real git repositories and DVC remotes, on the test study."""

import io
import json
import os
import shutil
import sys
import urllib.request
import urllib.response
from email.message import Message
from pathlib import Path

import pytest
import yaml

from sparse_circuits.sae.autoencoder import load_autoencoder
from worlds.checkout import CIRCUIT, NOTHING, ROOT, STUDY, checkout, edit, in_folder, ok, planned

SAE = "results/saes/tiny-llama/resid_post.1/topk"
PROGRAM = (sys.executable, "-m", "sparse_circuits")


@pytest.fixture(scope="module")
def origin(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare git repository to which the finished study was pushed, its artefacts in a folder remote."""
    folder = tmp_path_factory.mktemp("origin")
    mine = folder / "mine"
    shutil.copytree(finished, mine, symlinks=True)
    run = in_folder(mine)
    ok(run("git", "init", "-q", "--bare", "-b", "main", folder / "origin.git"))
    ok(run("dvc", "remote", "add", "-q", "-d", "store", folder / "store"))
    _publish(mine, "the study")
    return folder / "origin.git"


def _publish(folder: Path, message: str) -> None:
    run = in_folder(folder)
    if "origin" not in run("git", "remote").stdout:
        ok(run("git", "remote", "add", "origin", folder.parent / "origin.git"))
    ok(run("git", "add", "-A"))
    ok(run("git", "commit", "-qm", message))
    ok(run("dvc", "push", "-q"))
    ok(run("git", "push", "-q", "origin", "main"))


def _clone(origin: Path, folder: Path) -> Path:
    ok(in_folder(folder.parent)("git", "clone", "-q", origin, folder))
    shutil.copytree(ROOT / "tests/fixtures", folder / "tests/fixtures", dirs_exist_ok=True)
    return folder


def _restored(origin: Path, folder: Path) -> Path:
    clone = _clone(origin, folder)
    ok(in_folder(clone)(*PROGRAM, "restore"))
    return clone


def _changed_stages(folder: Path) -> set[str]:
    """The rules of the stages that DVC calls changed."""
    status = json.loads(ok(in_folder(folder)("dvc", "status", "--json")))
    return {name.split(":")[-1].split("-")[0] for name in status}


def test_a_recorded_study_is_clean_in_every_eye(finished: Path) -> None:
    run = in_folder(finished)
    ok(run("dvc", "status", "-q"))
    assert "up to date" in ok(run("dvc", "repro", "--dry"))
    metrics = json.loads(ok(run("dvc", "metrics", "show", "--json")))[""]["data"]
    assert metrics[f"{SAE}/evaluation.json"]["data"]["site"] == "resid_post.1"
    ok(run("dvc", "metrics", "diff"))
    assert "index.html" in ok(run("dvc", "plots", "show", "-o", "drawn"))
    page = (finished / "drawn/index.html").read_text()
    assert "faithfulness" in page
    shutil.rmtree(finished / "drawn")
    artifacts = yaml.safe_load((finished / "dvc.yaml").read_text())["artifacts"]
    assert {entry["type"] for entry in artifacts.values()} == {"sae", "circuit"}
    assert all((finished / entry["path"]).exists() for entry in artifacts.values())


@pytest.mark.whole
def test_a_restored_clone_has_nothing_to_do_and_a_setting_reruns_what_depends_on_it(
    origin: Path, tmp_path: Path
) -> None:
    clone = _restored(origin, tmp_path / "clone")
    assert not list(clone.glob("logs/*/*.tsv")), "restoring computes nothing"
    files = [path.stat().st_ino for path in (clone / "results").rglob("*") if path.is_file()]
    assert len(set(files)) == len(files), "files that share a time cannot be put in order"
    assert (clone / "results/figures/test/faithfulness.png").stat().st_size > 0
    assert NOTHING in ok(in_folder(clone)("snakemake", "-n", "snapshot"))
    assert not in_folder(clone)("git", "status", "--porcelain").stdout
    edit(clone / STUDY, "k: 8", "k: 9")
    circuits = {"score_nodes", "score_by_method", "find_circuit", "prove_circuit", "evaluate_circuit", "trace_prompt"}
    downstream = {"evaluate_sae", *circuits, "interpret_nodes", "plot_figure", "write_report"}
    assert planned(clone) == {"train_sae", *downstream, "record", "snapshot"}
    assert _changed_stages(clone) == {"train_sae"}


def test_restoring_refuses_what_is_not_as_recorded_and_touches_nothing(origin: Path, tmp_path: Path) -> None:
    clone = _restored(origin, tmp_path / "clone")
    figure = clone / "results/figures/test/training.csv"
    figure.unlink()
    figure.write_text("step\n1\n")
    os.utime(figure, (1, 1))
    done = in_folder(clone)(*PROGRAM, "restore")
    assert done.returncode == 1
    assert "results/figures/test/training.csv" in done.stderr
    assert figure.stat().st_mtime == 1
    script = clone / "scripts/train_sae.py"
    shutil.copy2(origin.parent / "mine/results/figures/test/training.csv", figure)
    script.write_text(script.read_text() + "\nprint()\n")
    done = in_folder(clone)(*PROGRAM, "restore")
    assert done.stderr.strip().endswith("not as recorded, nothing was touched: scripts/train_sae.py")


def test_a_fresh_clone_records_a_study_beside_the_default_one_of_which_nothing_is_here(
    finished: Path, tmp_path: Path
) -> None:
    """`git clone` brings the default study's dvc.yaml, dvc.lock and record, and none of its results."""
    (tmp_path / "origin").mkdir()
    origin = checkout(tmp_path / "origin", recorded=True)
    clone = _clone(origin, tmp_path / "clone")
    shutil.copytree(finished / "results", clone / "results")
    shutil.copy2(finished / "config/test/pairs.jsonl", clone / "config/test/pairs.jsonl")  # with its time
    run, snapshot = in_folder(clone), ("snakemake", "--configfile", STUDY, "--", "snapshot")
    # One name is the default study's too: where this one has replaced its file, its dvc.lock says so.
    lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    ok(run(*snapshot))
    assert NOTHING in ok(run(*snapshot))
    changed = ok(run("git", "status", "--porcelain")).split("\n")[:-1]
    assert changed == [" M dvc.lock", "?? dvc/", "?? provenance/test.json"]
    after = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    assert {name for name in lock if lock[name] != after[name]} == {"make_task-nounpp"}
    ok(run("dvc", "status", "-q", "dvc/test/dvc.yaml"))
    jobs = json.loads((clone / "provenance/test.json").read_text())["jobs"]
    assert all(len(job["outputs"]) for job in jobs.values())


def test_one_autoencoder_is_fetched_by_name_and_loads(origin: Path, tmp_path: Path) -> None:
    run = in_folder(tmp_path)
    ok(run("dvc", "get", "-q", origin, SAE, "-o", "sae"))
    sae = load_autoencoder(tmp_path / "sae", "resid_post.1", 32)
    assert sae.width == 128
    ok(in_folder(origin)("git", "tag", "-m", "first", "sae-resid-post-1-topk@v1.0.0", "main"))  # as `gto register` does
    ok(run("dvc", "artifacts", "get", "-q", origin, "sae-resid-post-1-topk", "-o", "named"))
    (named,) = (tmp_path / "named").rglob("cfg.json")
    assert named.read_bytes() == (tmp_path / "sae/cfg.json").read_bytes()


def test_a_circuit_imported_elsewhere_follows_a_new_version(origin: Path, tmp_path: Path) -> None:
    mine = _restored(origin, tmp_path / "mine")
    bare = tmp_path / "origin.git"
    ok(in_folder(tmp_path)("git", "clone", "-q", "--bare", origin, bare))
    ok(in_folder(mine)("git", "remote", "set-url", "origin", bare))
    other = tmp_path / "other"
    other.mkdir()
    run = in_folder(other)
    ok(run("git", "init", "-q"))
    ok(run("dvc", "init", "-q"))
    ok(run("dvc", "import", "-q", bare, CIRCUIT, "-o", "circuit.json"))
    first = json.loads((other / "circuit.json").read_text())
    circuit = mine / CIRCUIT
    circuit.unlink()
    circuit.write_text(json.dumps({**first, "edges": []}))
    ok(in_folder(mine)("dvc", "commit", "-q", "-f"))
    _publish(mine, "a circuit without edges")
    ok(run("dvc", "update", "-q", "circuit.json.dvc"))
    second = json.loads((other / "circuit.json").read_text())
    assert first["edges"]
    assert not second["edges"]


def test_another_study_shares_what_it_does_not_change(origin: Path, tmp_path: Path) -> None:
    clone = shutil.copytree(origin.parent / "mine", tmp_path / "clone", symlinks=True)
    path = "config/studies/other.yaml"
    shutil.copy2(clone / STUDY, clone / path)
    edit(clone / path, "study: test", "study: other")
    edit(clone / path, "node_threshold: 0.002", "node_threshold: 0.01")
    plan = planned(clone, "--configfile", path)
    assert {"find_circuit", "record"} <= plan
    assert not {"fetch_model", "cache_activations", "train_sae"} & plan


def test_shards_stay_out_of_the_remote_when_the_study_says_so(finished: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(finished, mine, symlinks=True)
    edit(mine / STUDY, "shard_tokens: 4096", "shard_tokens: 4096\n  share: false")
    run = in_folder(mine)
    ok(run("dvc", "remote", "add", "-q", "-d", "store", tmp_path / "store"))
    ok(run("git", "init", "-q", "--bare", "-b", "main", tmp_path / "origin.git"))
    ok(run("snakemake", "--forcerun", "record", "--", "snapshot"))
    _publish(mine, "without shards")
    clone = _restored(tmp_path / "origin.git", tmp_path / "clone")
    assert not list(clone.glob("results/activations/*/*/shard-*.h5"))
    assert NOTHING in ok(in_folder(clone)("snakemake", "-n", "snapshot"))
    edit(clone / STUDY, "k: 8", "k: 9")
    assert {"cache_activations", "train_sae"} <= planned(clone), "what is needed again is computed again"


def test_a_study_travels_through_an_s3_bucket(origin: Path, s3: str, tmp_path: Path) -> None:
    import boto3

    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    client = boto3.client("s3", endpoint_url=s3, aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="circuits")
    bare = tmp_path / "origin.git"
    ok(in_folder(tmp_path)("git", "clone", "-q", "--bare", origin, bare))
    mine = _restored(origin, tmp_path / "mine")
    run = in_folder(mine, **keys)
    ok(run("git", "remote", "set-url", "origin", bare))
    ok(run("dvc", "remote", "add", "-q", "-d", "bucket", "s3://circuits/store"))
    ok(run("dvc", "remote", "modify", "bucket", "endpointurl", s3))
    ok(run("git", "commit", "-qam", "a remote on S3"))
    ok(run("dvc", "push", "-q"))
    ok(run("git", "push", "-q", "origin", "main"))
    clone = _clone(bare, tmp_path / "clone")
    ok(in_folder(clone, **keys)(*PROGRAM, "restore"))
    assert (clone / CIRCUIT).read_bytes() == (mine / CIRCUIT).read_bytes()
    assert NOTHING in ok(in_folder(clone)("snakemake", "-n", "snapshot"))


def test_the_trace_of_a_figure_reaches_the_sources(finished: Path) -> None:
    run = in_folder(finished)
    found = json.loads(run(*PROGRAM, "trace", "results/figures/test/faithfulness.svg", "--as-json").stdout)
    assert found["state"] == "as recorded"
    rules = [job["rule"] for job in found["jobs"].values()]
    assert rules[-1] == "plot_figure"
    assert {"fetch_model", "fetch_corpus", "cache_activations", "train_sae"} <= set(rules)
    made = {path: digest for job in found["jobs"].values() for path, digest in job["outputs"].items()}
    seen: set[str] = set()
    for job in found["jobs"].values():
        needed = {path for path in job["inputs"] if path.startswith("results/")}
        assert needed <= seen, "every input was made by a job before"
        assert all(job["inputs"][path] == made[path] for path in needed)
        assert job["command"].startswith("python scripts/")
        assert job["seconds"] > 0
        assert job["ran_on"]["packages"]["torch"]
        seen |= set(job["outputs"])
    text = ok(run(*PROGRAM, "trace", "results/figures/test/faithfulness.svg"))
    assert "licence MIT" in text
    done = run(*PROGRAM, "trace", "results/nothing.json")
    assert done.stderr.startswith(
        "error: results/nothing.json: no record in provenance/ knows it; `snakemake snapshot`"
    )


def test_an_exported_crate_is_valid_and_whole(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import responses
    import rocrate
    from rocrate_validator import models, services

    # The vocabulary that the library carries stands in for the one on the web, which the validator fetches two ways.
    vocabulary = (Path(rocrate.__file__).with_name("data") / "ro-crate.jsonld").read_bytes()
    kind = "application/ld+json"

    def carried(request: urllib.request.Request) -> urllib.response.addinfourl:
        headers = Message()
        headers["Content-Type"] = kind
        return urllib.response.addinfourl(io.BytesIO(vocabulary), headers, request.full_url)

    monkeypatch.setattr("rdflib.parser._urlopen", carried)
    ok(in_folder(finished)(*PROGRAM, "crate", "test", "--folder", tmp_path / "crate"))
    settings = services.ValidationSettings(
        rocrate_uri=str(tmp_path / "crate"),
        profile_identifier="process-run-crate-0.5",
        requirement_severity=models.Severity.REQUIRED,
        cache_path=tmp_path / "cache",
    )
    with responses.RequestsMock() as web:
        web.add(responses.GET, "https://w3id.org/ro/crate/1.1/context", body=vocabulary, content_type=kind)
        result = services.validate(settings)
    assert not result.has_issues(), [issue.message for issue in result.get_issues()]
    graph = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())["@graph"]
    actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
    jobs = json.loads((finished / "provenance/test.json").read_text())["jobs"]
    assert len(actions) == len(jobs)
    copied = tmp_path / "crate" / CIRCUIT
    assert copied.read_bytes() == (finished / CIRCUIT).read_bytes()
