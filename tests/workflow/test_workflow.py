"""The whole graph, run for real on the test study: artefacts, repeatability, reruns, versions, errors."""

import contextlib
import csv
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import yaml
from PIL import Image

from sparse_circuits.figures.gallery import SHOWN, in_gallery
from sparse_circuits.versions.graph import read_graph
from sparse_circuits.versions.record import record
from worlds.checkout import ROOT, STUDY, checkout, edit, in_folder, ok
from worlds.in_process import run_steps, workspace


def _assert_gallery_shows(figures: Path, study: str) -> None:
    """The documentation's gallery has the figures as this study draws them, but for what another CPU rounds."""
    for kind, (of, name) in SHOWN.items():
        if of == study and kind != "runtime":
            drawn = in_gallery(figures / study / f"{name}.png").convert("RGB")
            with Image.open(ROOT / f"docs/images/gallery/{kind}.png") as image:
                kept = image.convert("RGB")
            assert kept.size == drawn.size, f"{kind}: run `make gallery`"
            difference = np.abs(np.asarray(kept, float) - np.asarray(drawn, float)).mean()
            assert difference < 6, f"{kind}: {difference:.1f} levels apart; run `make gallery`"


@pytest.mark.whole
def test_every_artefact_of_the_plan_is_there_and_whole(finished: Path) -> None:
    results = finished / "results"
    manifest = json.loads((results / "activations/tiny-llama/words/manifest.json").read_text())
    assert [entry["file"] for entry in manifest["shards"]] == ["shard-00000.h5", "shard-00001.h5"]
    for entry in manifest["shards"]:
        path = results / "activations/tiny-llama/words" / entry["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    for site in ("resid_post.0", "resid_post.1"):
        evaluation = json.loads((results / f"saes/tiny-llama/{site}/topk/evaluation.json").read_text())
        assert evaluation["l0"] <= 8
        assert 0 < evaluation["fvu"] < 1
        ce = evaluation["ce"]
        assert evaluation["ce_recovered"] == pytest.approx((ce["zero"] - ce["sae"]) / (ce["zero"] - ce["clean"]))
    for task in ("nounpp", "own"):
        for basis in ("features", "neurons"):
            folder = results / f"circuits/test/{task}/{basis}"
            evaluation = json.loads((folder / "evaluation.json").read_text())
            lengths = {len(evaluation[key]) for key in ("nodes", "faithfulness", "completeness", "random")}
            assert lengths == {len(evaluation["nodes"])}
            assert evaluation["split"] == "test"
            circuit = json.loads((folder / "circuit.json").read_text())
            ids = {node["id"] for node in circuit["nodes"]}
            assert all({edge["source"], edge["target"]} <= ids for edge in circuit["edges"])
        gaps = json.loads((results / f"circuits/test/{task}/features/evaluation.json").read_text())["attribution"][
            "sites"
        ]
        assert all(gap["relative_gap"] < 0.01 for gap in gaps.values())
    for stem in ("sae_quality", "training", "faithfulness", "circuit_nounpp", "circuit_own"):
        for suffix in (".svg", ".png", ".csv"):
            assert (results / "figures/test" / f"{stem}{suffix}").stat().st_size > 0
    _assert_gallery_shows(results / "figures", "test")
    page = (results / "report/test/index.html").read_text()
    assert 'src="figures/faithfulness.png"' in page
    assert (results / "report/test/figures/faithfulness.png").read_bytes() == (
        results / "figures/test/faithfulness.png"
    ).read_bytes()
    assert not list(results.rglob(".*.h5.*")), "no temporary file is left behind"


def test_a_second_run_has_nothing_to_do(finished: Path) -> None:
    done = in_folder(finished)("snakemake", "snapshot")
    assert "Nothing to be done" in done.stdout + done.stderr
    assert in_folder(finished)("dvc", "status", "-q").returncode == 0


def test_a_clone_that_brings_a_dvc_lock_builds_everything(finished: Path, tmp_path: Path) -> None:
    clone = checkout(tmp_path)
    shutil.copy2(finished / "dvc.lock", clone / "dvc.lock")
    plan = in_folder(clone)("snakemake", "-n", "snapshot").stdout
    assert all(rule in plan for rule in ("fetch_model", "cache_activations", "write_report", "record"))


def test_dvc_yaml_and_the_graph_agree_on_every_input_and_output(finished: Path) -> None:
    done = in_folder(finished)("snakemake", "--detailed-summary", "all")
    rows = list(csv.DictReader(io.StringIO(done.stdout), delimiter="\t"))
    graph = {row["output_file"]: set(filter(None, row["input-file(s)"].split(","))) for row in rows}
    stages = yaml.safe_load((finished / "dvc.yaml").read_text())["stages"]
    recorded = {path: set(stage["deps"]) for stage in stages.values() for out in stage["outs"] for path in out}
    # Snakemake goes by the fingerprints of code; DVC hashes the modules of the steps too.
    steps = {str(path.relative_to(ROOT)) for path in (ROOT / "src/sparse_circuits/steps").glob("*.py")}
    assert {path: deps - steps for path, deps in recorded.items()} == graph
    assert all(deps & steps for deps in recorded.values())
    lock = yaml.safe_load((finished / "dvc.lock").read_text())["stages"]
    assert {out["path"] for stage in lock.values() for out in stage["outs"]} == set(graph)


def test_dvc_yaml_in_the_repository_is_that_of_the_default_study(tmp_path: Path) -> None:
    done = in_folder(ROOT)("python", "scripts/write_dvc_yaml.py", "--path", str(tmp_path / "dvc.yaml"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text(), "run `make dvc.yaml`"


def test_a_comment_reruns_nothing_and_a_setting_reruns_what_depends_on_it(finished: Path) -> None:
    run = in_folder(finished)
    module = finished / "src/sparse_circuits/sae/train.py"
    text = module.read_text()
    module.write_text(text + "\n# A remark.\n")
    assert "Nothing to be done" in run("snakemake", "-n", "all").stdout
    module.write_text(text.replace("WARM_UP = 0.05", "WARM_UP = 0.06"))
    plan = run("snakemake", "-n", "all").stdout
    assert "train_sae" in plan
    assert "cache_activations" not in plan
    module.write_text(text)
    config = finished / STUDY
    settings = config.read_text()
    config.write_text(settings.replace("node_threshold: 0.002", "node_threshold: 0.003"))
    plan = run("snakemake", "-n", "all").stdout
    config.write_text(settings)
    assert "find_circuit" in plan
    assert "score_nodes" not in plan
    assert "train_sae" not in plan


def test_sweeps_and_all_kinds_train_in_one_pass_a_place_and_are_judged(tmp_path: Path) -> None:
    study = workspace(tmp_path)
    with (study / STUDY).open("a") as file:
        file.write("\nprobing: {ks: [1, 2], words_a_letter: 20}\ntranscoder_layers: [0, 1]\n")
    others = "".join(
        f"  {name}: {{architecture: {name}, kind: {kind}, d_sae: 64, {key}, batch: 256}}\n"
        for name, kind, key in (
            ("standard", "skip_transcoder", "l1: 0.1"),
            ("batch_topk", "crosscoder", "k: 4"),
            ("jumprelu", "cross_layer_transcoder", "l0: 0.1"),
        )
    )
    edit(study / STUDY, "saes:\n", f"saes:\n{others}")
    edit(study / STUDY, "k: 8", "k: [4, 8], seeds: [0, 7]")
    edit(study / STUDY, "sae: topk", "sae: topk__k8__seed0")
    saes = "results/saes/tiny-llama"
    folder = f"{saes}/resid_post.1"
    member = f"{folder}/topk__k8__seed7"
    wanted = [f"{member}/probing.json", f"{member}/stability.json"]
    places = ("mlp.1/standard", "crosscoder/batch_topk", "cross_layer/jumprelu")
    judged = [f"{saes}/{place}/evaluation.json" for place in places]
    jobs = run_steps(study, STUDY, *wanted, *judged, "results/figures/test/pareto.svg")
    assert [job.rule for job in jobs].count("train_sae") == 2, "one job a site"
    drawn = list(csv.DictReader((study / "results/figures/test/pareto.csv").open()))
    assert len(drawn) == 8
    members = [f"topk__k{k}__seed{seed}" for k in (4, 8) for seed in (0, 7)]
    for name in members:
        config = json.loads((study / folder / name / "cfg.json").read_text())
        assert f"topk__k{config['k']}__seed{config['metadata']['seed']}" == name
    weights = {(study / folder / name / "sae_weights.safetensors").read_bytes() for name in members}
    assert len(weights) == 4
    found, agreed, *others = (json.loads((study / path).read_text()) for path in [*wanted, *judged])
    assert set(found["tasks"]) == {"nounpp", "own"}
    assert "absorption" in found
    assert list(agreed["others"]) == ["topk__k8__seed0"]
    assert [one["d_in"] for one in others] == [32, 64, 64]
    assert [list(one.get("by_site", {})) for one in others] == [
        [],
        ["resid_post.0", "resid_post.1"],
        ["mlp_out.0", "mlp_out.1"],
    ]


def test_edits_are_chosen_kept_and_judged_and_claims_tested(tmp_path: Path) -> None:
    study = workspace(tmp_path)
    (study / "claims.yaml").write_text(
        "claims:\n"
        "  sure: {says: no more than all answers change, task: nounpp, variable: number, at_most: 1}\n"
        "  never: {says: all answers change, task: own, variable: number, at_least: 1.1}\n"
        "  edited: {says: so of the edited model, task: nounpp, variable: number, edit: chosen, at_most: 1}\n"
    )
    rows = [(f"They work with {i} friends", (21, 13)[i % 2], i // 2 % 2) for i in range(48)]
    columns = dict(zip(("hard_text", "profession", "gender"), map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), study / "biographies.parquet")
    with (study / "config/test/datasets.yaml").open("a") as file:
        known = hashlib.sha256((study / "biographies.parquet").read_bytes()).hexdigest()
        source = f"{{kind: file, folder: ., files: {{biographies.parquet: {known}}}}}"
        file.write(f"\n  biographies: {{licence: MIT, format: biographies, sources: [{source}]}}\n")
    with (study / STUDY).open("a") as file:
        file.write(
            "\nclaims: claims.yaml\n"
            "shift:\n"
            "  biographies: biographies\n"
            "  site: resid_post.1\n"
            "  professions: {professor: [university], nurse: [hospital]}\n"
            "  train: 8\n"
            "  test: 4\n"
            "  seeds: 2\n"
            "edits:\n"
            "  chosen:\n"
            "    goal: nounpp\n"
            "    keep: {own: [own]}\n"
            "    operations: [{kind: select, at_most: 2, accuracy: 1, loss: 1, shortlist: 2, text: 4}]\n"
            "    baselines: [random, leace, mean_difference]\n"
            "    random_seeds: 1\n"
            "    permanent: added_layer\n"
            "    fit_sequences: 16\n"
            "    prompts: [The key]\n"
            "  without:\n"
            "    goal: nounpp\n"
            "    keep: {own: [own]}\n"
            "    operations: [{kind: remove_circuit, task: nounpp}]\n"
            "    baselines: []\n"
            "    permanent: distilled\n"
            "    distillation: {steps: 2}\n"
            "    fit_sequences: 16\n"
        )
    edits = study / "results/edits/test"
    judged = [edits / name / "evaluation.json" for name in ("chosen", "without")]
    figures = [study / f"results/figures/test/{name}.svg" for name in ("edit_chosen", "shift")]
    verdicts = study / "results/claims/test.json"
    run_steps(study, STUDY, *(str(path.relative_to(study)) for path in (*judged, *figures, verdicts)))
    shifted = json.loads((study / "results/shift/test.json").read_text())
    assert len(shifted["seeds"]) == 2
    assert {"original", "shift", "retrained", "oracle"} <= shifted["rows"].keys()
    chosen, without = (json.loads(path.read_text()) for path in judged)
    selection = json.loads((edits / "chosen/selection.json").read_text())
    assert chosen["features"] == len(selection["nodes"]) == len([row for row in selection["trials"] if row["taken"]])
    assert abs(selection["trials"][-1]["gap"]) < abs(chosen["before"]["gap"]) * 2
    for name in ("before", "hooked", "permanent"):
        assert {"gap", "perplexity", "kl", "own"} <= chosen[name].keys()
    assert set(chosen["baselines"]) == {"random", "leace", "mean_difference"}
    assert len(chosen["side_effects"]["tokens"]) == len(chosen["side_effects"]["nodes"]) == 20
    assert list(without["side_effects"]["accuracy"]) == []
    assert chosen["before"]["kl"] == pytest.approx(0, abs=1e-9)
    assert without["features"] == 0
    assert without["hooked"]["kl"] > 0
    card = json.loads((edits / "chosen/model/model_card.json").read_text())
    assert card["made_from"]["name"] == "tiny-llama"
    assert card["num_layers"] > 2
    done = in_folder(study)("snakemake", "claims")
    assert done.returncode
    assert "tiny-llama fails never" in done.stdout + done.stderr
    claims = json.loads(verdicts.read_text())["claims"]
    assert {name: claim["verdict"] for name, claim in claims.items()} == {
        "sure": "pass",
        "never": "fail",
        "edited": "pass",
    }


def test_weight_sparse_models_are_trained_pruned_and_compared(tmp_path: Path) -> None:
    """Also: what is known of the corpus comes out. In each of its documents all quotes are of one kind."""
    study = workspace(tmp_path)
    jobs = run_steps(study, "config/test/code.yaml")
    circuits = study / "results/circuits/test-code"
    for model in ("sparse", "dense"):
        solved = json.loads((circuits / f"single_double_quote/{model}/pruning.json").read_text())
        unknown = json.loads((circuits / f"for_while/{model}/pruning.json").read_text())
        circuit = json.loads((circuits / f"single_double_quote/{model}/circuit.json").read_text())
        assert solved["solved"]
        assert solved["raw_accuracy"]["model"] > 0.8
        assert solved["accuracy"]["complement"] < 0.75
        assert len(circuit["edges"]) == solved["edges"]
        assert len(circuit["nodes"]) == solved["nodes"]
        assert not unknown["solved"]
    sparse, dense = (
        json.loads((study / f"results/models/test-code-{model}/losses.json").read_text())["nonzero"]
        for model in ("sparse", "dense")
    )
    assert sparse < dense
    (pair,) = json.loads((circuits / "frontier.json").read_text())["pairs"]
    assert list(pair["tasks"]) == ["single_double_quote"]
    explained = json.loads((circuits / "single_double_quote/sparse/explanation.json").read_text())
    circuit = json.loads((circuits / "single_double_quote/sparse/circuit.json").read_text())
    assert list(explained["nodes"]) == [node["id"] for node in circuit["nodes"]]
    assert any(claim["holds"] for claim in explained["claims"])
    carried = json.loads((circuits / "carried.json").read_text())
    assert list(carried["tasks"]) == ["single_double_quote"]
    rules = {"train_transformer", "prune_task", "explain_circuit", "train_bridges", "compare_frontier"}
    assert rules <= {job.rule for job in jobs}
    (study / ".dvc").mkdir()
    (study / ".dvc/config").touch()
    with contextlib.chdir(study):
        record(read_graph(Path("config/test/code.yaml")))
    stages = yaml.safe_load((study / "dvc/test-code/dvc.lock").read_text())["stages"]
    assert {out["path"] for stage in stages.values() for out in stage["outs"]} == {
        path for job in jobs for path in job.outputs
    }
    _assert_gallery_shows(study / "results/figures", "test-code")


def test_a_cue_in_images_is_found_taken_out_and_shown(tmp_path: Path) -> None:
    """The model learns nothing but the corner of bars; without the features that read it, others are seen again."""
    study = workspace(tmp_path)
    run_steps(study, "config/test/vision.yaml")
    _assert_gallery_shows(study / "results/figures", "test-vision")
    results = study / "results"
    edit = json.loads((results / "edits/test-vision/corner/evaluation.json").read_text())
    before, after = edit["before"], edit["hooked"]
    assert before["accuracy_as_trained"] > 0.9
    assert before["accuracy_swapped"] < 0.5
    assert after["recovered"] > 0.5 > edit["baselines"]["random"]["recovered"]
    sparse, dense = (
        json.loads((results / f"models/{name}/losses.json").read_text())["nonzero"]
        for name in ("tiny-vit-sparse", "tiny-vit")
    )
    assert sparse < dense / 2
    (pair,) = json.loads((results / "circuits/test-vision/frontier.json").read_text())["pairs"]
    assert pair["accuracy"].keys() == {"dense", "sparse"}
    page = (results / "report/test-vision/data").glob("circuit_square_or_cross*.js")
    assert "data:image/webp;base64," in next(page).read_text()
    assert (results / "figures/test-vision/strips_corner.png").exists()


def test_a_bad_study_is_one_line_and_nothing_runs(finished: Path) -> None:
    config = finished / STUDY
    settings = config.read_text()
    config.write_text(settings.replace("shard_tokens", "shard_token"))
    done = in_folder(finished)("snakemake", "all")
    config.write_text(settings)
    assert done.returncode != 0
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "error:" in line]
    assert lines == ["error: study test: unknown key `activations.shard_token`; did you mean `shard_tokens`?"]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_study_with_a_key_twice_is_refused_when_the_graph_is_built(tmp_path: Path) -> None:
    study = (ROOT / STUDY).read_text()
    (tmp_path / "study.yaml").write_text(f"{study}seed: 1\n")
    done = in_folder(ROOT)("snakemake", "-n", "--configfile", tmp_path / "study.yaml")
    first = study.splitlines().index("seed: 0") + 1
    line = len(study.splitlines()) + 1
    assert done.returncode != 0
    assert f"study.yaml:{line}: key `seed` is given twice, first in line {first}" in done.stdout + done.stderr


def test_answers_that_are_no_single_tokens_stop_the_run_before_anything_heavy_and_every_quiet_says_why(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = checkout(tmp_path_factory.mktemp("bad-task"))
    pairs = folder / "config/test/pairs.jsonl"
    pairs.write_text(pairs.read_text().replace('" has"', '" isis"'))
    done = in_folder(folder)("snakemake", "all", "--quiet", "all")
    assert done.returncode != 0
    assert "logs/make_task/own.log:\nerror: pair pairs-0004: answer ' isis' is " in done.stderr
    assert not list((folder / "results").glob("activations/*/*/shard-*.h5"))
    # As the tutorial and `make reproduce` call it.
    done = in_folder(folder)("snakemake", "results/tasks/own/train.jsonl", "--quiet", "rules", "host")
    assert "logs/make_task/own.log:\nerror: pair pairs-0004: answer ' isis' is " in done.stderr


@pytest.mark.parametrize("study", sorted((ROOT / "config/studies/paper").glob("*.yaml")), ids=lambda path: path.stem)
def test_studies_at_paper_scale_have_a_whole_graph(study: Path) -> None:
    done = in_folder(ROOT)("snakemake", "-n", "--configfile", str(study.relative_to(ROOT)))
    assert done.returncode == 0, done.stderr
    judges = "prune_task" if study.stem.startswith("code") else "evaluate_circuit"
    assert judges in done.stdout
    if study.stem == "gemma_2_2b_all_layers":
        total = re.findall(r"^total +(\d+)$", done.stdout, re.MULTILINE)[0]
        assert int(total) > 10_000, "docs/explanation/scaling.md plans with this graph"


def test_the_report_has_every_figure_and_circuit_with_its_caption(finished: Path, tmp_path: Path) -> None:
    ok(in_folder(finished)("snakemake", "--report", tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    for text in ("Share of the logit difference that circuits keep", "faithfulness.svg", "circuit.json", "Figures"):
        assert text in page


# The entry, and where snakedeploy and the workflow catalog look.
@pytest.mark.parametrize("entry", ["Snakefile", "workflow/Snakefile"])
def test_another_workflow_can_use_this_one_as_a_module(tmp_path: Path, entry: str) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copytree(ROOT / "tests/fixtures", tmp_path / "tests/fixtures")
    (tmp_path / "Snakefile").write_text(f"""
configfile: "{STUDY}"

module circuits:
    snakefile: "{ROOT}/{entry}"
    config: config

use rule * from circuits as circuits_*
""")
    run = in_folder(tmp_path, PYTHONPATH=str(ROOT / "src"))
    assert "circuits_evaluate_circuit" in ok(run("snakemake", "-n", "--cores", "1"))
    assert run("snakemake", "-n", "--cores", "1", "circuits_snapshot").stderr.splitlines()[-1] == (
        "error: no DVC repository here to record in; `dvc init` makes one"
    )
    if entry == "Snakefile":
        ok(run("snakemake", "--cores", "1", "circuits_models"))
        assert (tmp_path / "results/models/tiny-llama/model.safetensors").exists()
