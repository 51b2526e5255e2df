"""A mistake in a study is one line that names it, before anything runs."""

import copy
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sparse_circuits.base.errors import StudyError
from sparse_circuits.command import parse
from sparse_circuits.config.autoencoders import spread
from sparse_circuits.config.edits import EditSettings
from sparse_circuits.config.fit import misfit
from sparse_circuits.config.site import Site
from sparse_circuits.config.yaml_file import read_yaml
from sparse_circuits.plan.needs import cache_bytes
from sparse_circuits.plan.study import TOLD
from sparse_circuits.studies.load import load_study
from sparse_circuits.studies.schema import schema_texts
from sparse_circuits.studies.study import Study
from sparse_circuits.studies.weight_sparse import WeightSparseStudy
from worlds.checkout import ROOT

STUDY = read_yaml(ROOT / "config/test/study.yaml")


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _changed(path: str, value: Any) -> dict[str, Any]:
    study = copy.deepcopy(STUDY)
    at = study
    *parents, last = path.split("/")
    for key in parents:
        at = at[key]
    at[last] = value
    return study


EDIT = {"goal": "nounpp", "keep": {"own": ["own"]}}


def _edited(operation: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return _changed("edits", {"e": {**EDIT, **settings, "operations": [operation]}})


def _rewrite(*nodes: str, **settings: Any) -> dict[str, Any]:
    return _edited({"kind": "rewrite", "nodes": list(nodes)}, **settings)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (_rewrite("resid_post.01/5"), "`resid_post.01` is no site"),
        (_rewrite("resid_post.1/05"), "`resid_post.1/05` is no node; write a site and a number"),
        (_rewrite("resid_post.1"), "`resid_post.1` is no node"),
        (_rewrite("mlp_out.1/5"), "`edits.e.operations`: mlp_out.1/5: features has sites resid_post.0, resid_post.1"),
        (_rewrite("resid_post.1/128"), "`edits.e.operations`: resid_post.1/128: there are 128 features, 0 to 127"),
        (_rewrite("resid_post.1/5", "resid_post.1/5"), "`operations`: resid_post.1/5 is rewritten twice; name it once"),
        (
            _edited({"kind": "leace", "behaviour": "own", "sites": ["resid_post.2"]}),
            "`edits.e.operations.sites`: resid_post.2: tiny-llama has 2 layers, 0 to 1",
        ),
        (
            _edited({"kind": "rewrite", "nodes": ["mlp_neurons.0/3"]}, basis="neurons", permanent="added_layer"),
            "`edits.e.permanent: added_layer` keeps features of the residual stream alone, not neurons at mlp_neurons",
        ),
    ],
)
def test_what_an_edit_names_must_be_there(study: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(study)
    assert message in str(caught.value)


def test_a_family_that_takes_no_added_layer_is_named_before_anything_runs(tmp_path: Path) -> None:
    models = read_yaml(ROOT / "config/test/models.yaml")
    source = models["models"]["tiny-llama"]["sources"][0]
    source["folder"] = str(tmp_path)
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(models))
    study = _rewrite("resid_post.1/5", permanent="added_layer") | {"models_file": str(tmp_path / "models.yaml")}
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert load_study(study).needs.added_layer == ["edits.e.permanent"]
    (tmp_path / "config.json").write_text('{"model_type": "gpt_neox", "max_position_embeddings": 2048}')
    with pytest.raises(StudyError, match=r"tiny-llama is a gpt_neox, and layers can be added to llama.*`distilled`"):
        load_study(study)
    # Where the model's files are elsewhere, the first job that has its config.json says the same.
    (tmp_path / "config.json").unlink()
    needs = load_study(study).needs
    assert "is a gemma2, and layers" in str(misfit("m", needs, {"model_type": "gemma2"}))
    assert "made for 16" in str(misfit("m", needs, {"model_type": "gpt2", "n_positions": 16}))
    assert misfit("m", needs, {"model_type": "qwen2", "max_position_embeddings": 32}) is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "activations/shard_token",
            5,
            "study test: unknown key `activations.shard_token`; did you mean `shard_tokens`?",
        ),
        ("circuit", {}, "study test: unknown key `circuit`; did you mean `circuits`?"),
        ("sites", ["resid_post.0", "resid_post.7"], "site `resid_post.7`: tiny-llama has 2 layers, 0 to 1"),
        ("sites", ["resid_post.1", "resid_post.0"], "`sites` must stand in the order of the computation"),
        ("sites", ["resid.0"], "`resid.0` is no site; kinds are embed, heads, attn_out"),
        ("model", "gpt-5", "`model: gpt-5` is not in config/test/models.yaml; it has tiny-llama"),
        ("corpus", "pile", "`corpus: pile` is not in config/test/datasets.yaml; it has words"),
        ("models_file", "config/none.yaml", "config/none.yaml: no such file"),
        ("saes/topk/k", 1000, "`saes.topk`: k (1000) is larger than d_sae (128)"),
        ("saes/topk/k", -3, "`saes.topk.k`: Input should be greater than 0 (found -3)"),
        ("saes/topk/architecture", "vae", "`saes.topk`: Input tag 'vae' found using 'architecture' does not match"),
        ("tasks/own/test", "no.jsonl", "`tasks.own`: no.jsonl: no such file"),
        ("circuits/features/sae", "big", "`circuits.features.sae: big` is not in saes; it has topk"),
        ("circuits/sizes", [5, 1], "`sizes` must ascend without repeats, found [5, 1]"),
        ("headline_task", "rc", "`headline_task: rc` is not in tasks; it has nounpp, own"),
        ("graphs/keys/prompt", "a<|endoftext|> b", "`graphs.keys.prompt` holds the document separator '<|endoftext|>'"),
        ("study", "../up", "`study`: String should match pattern"),
        ("study", "s" * 300, "`study`: String should have at most 200 characters"),
        ("seed", 10**20, "`seed`: Input should be less than 2147483648"),
        ("sites", ["resid_post.00"], "`resid_post.00` is no site; write `embed`, or a kind and a layer"),
        ("sites", ["resid_post.٣"], "`resid_post.٣` is no site"),
        ("saes/topk/learning_rate", math.inf, "`saes.topk.learning_rate`: Input should be a finite number"),
        ("saes/topk/batch", 10**6, "tokens give 15872 rows in 2 epochs, less than one batch of 1000000"),
        (
            "activations/tokens",
            50,
            "`activations.tokens`: 50 tokens give 124 rows in 2 epochs, less than one batch of 256",
        ),
        (
            "activations/tokens",
            10**10,
            "`activations.shard_tokens`: 10,000,000,000 tokens make 2,441,407 shards, a job and a file each, of "
            "100,000 at most; raise it to 100,001",
        ),
        ("activations/context", 10_000, "`activations.context`: 10000 tokens, and tiny-llama was made for 512 at most"),
        ("discovery", {"context": 33}, "`discovery.context`: 33, and cached sequences have 32 tokens"),
        ("discovery", {"tokens": 10, "clusters": 11}, "`discovery`: 11 clusters of 10 tokens"),
        ("transfer/longest", 513, "`transfer.longest`: 513 tokens, and tiny-llama was made for 512 at most"),
        ("probing", {"ks": [1, 200]}, "`probing.ks`: 200 features a probe, and `saes.topk` has 128"),
        ("circuits/minimal", {"held_out": 0}, "`circuits.minimal.held_out`: Input should be greater than 0"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(path: str, value: Any, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(_changed(path, value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def _with_model(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    """The test study with another entry of its model."""
    model = read_yaml(ROOT / "config/test/models.yaml")["models"]["tiny-llama"]
    entry = {key: value for key, value in {**model, **changed}.items() if value is not None}
    (tmp_path / "models.yaml").write_text(json.dumps({"models": {"tiny-llama": entry}}))
    return {**STUDY, "models_file": str(tmp_path / "models.yaml")}


@pytest.mark.parametrize(("key", "right"), [("num_layers", 2), ("d_model", 32)])
def test_sizes_of_a_model_at_hand_are_its_own(key: str, right: int, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"tiny-llama: {key} is {right} in its config.json, not 7"):
        load_study(_with_model(tmp_path, **{key: 7}))
    study = _with_model(tmp_path, num_layers=None, d_model=None)
    loaded = load_study(study)
    assert isinstance(loaded, Study)
    assert list(loaded.basis_sites("neurons")) == ["mlp_neurons.0", "mlp_neurons.1"]
    with pytest.raises(StudyError, match=r"site `resid_post.7`: tiny-llama has 2 layers"):
        load_study({**study, "sites": ["resid_post.0", "resid_post.7"]})


def test_of_a_model_elsewhere_layers_are_named_where_the_graph_needs_them(tmp_path: Path) -> None:
    hub = [{"kind": "hub", "repo": "team/model", "revision": "main", "files": ["*.json"]}]
    study = _with_model(tmp_path, num_layers=None, d_model=None, sources=hub)
    with pytest.raises(
        StudyError, match=r"`circuits.neurons.layers`: name them, or give `num_layers` of tiny-llama in"
    ):
        load_study(study)
    study["circuits"] = {**study["circuits"], "neurons": {**study["circuits"]["neurons"], "layers": [0, 1]}}
    loaded = load_study(study)
    assert isinstance(loaded, Study)
    assert loaded.num_layers is None
    with pytest.raises(StudyError, match="tiny-llama has no `d_model`, from which memory and disk follow"):
        cache_bytes(loaded)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("models/sparse/tokens", 500, "`models.sparse`: 500 tokens are less than one step"),
        ("models/sparse/active", 0.03, "`models.sparse.active`: 0.03 of 32 is less than one; null: all"),
        ("bridges/active", 0, "`bridges.active`: 0 of 32 channels is less than one"),
        ("bridges/tokens", 500, "`bridges.tokens`: 500 tokens are less than one step, 512"),
    ],
)
def test_a_sparse_model_that_could_not_train_is_named(path: str, value: Any, message: str) -> None:
    study = read_yaml(ROOT / "config/test/code.yaml")
    section, *rest = path.split("/")
    at = study[section] if len(rest) == 1 else study[section][rest[0]]
    at[rest[-1]] = value
    with pytest.raises(StudyError) as caught:
        load_study(study)
    assert message in str(caught.value)


def test_a_missing_key_is_named() -> None:
    study = copy.deepcopy(STUDY)
    del study["activations"]["tokens"]
    with pytest.raises(StudyError, match=r"study test: key `activations.tokens` is missing"):
        load_study(study)


def test_the_command_line_overrides_the_default_study() -> None:
    study = load_study({"default_study": "config/test/study.yaml", "activations": {"tokens": 4096}})
    assert study.activations.tokens == 4096
    assert study.activations.context == STUDY["activations"]["context"]


@pytest.mark.parametrize("path", sorted((ROOT / "config/studies").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_study_that_ships_is_valid(path: Path) -> None:
    assert load_study(read_yaml(path)).study


def test_studies_that_ship_share_a_name_only_for_the_same_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    # docs/reference/workflow.md, "Shared names": the files would replace each other.
    monkeypatch.chdir(ROOT)
    known: dict[tuple[str, ...], Any] = {}
    shared: set[tuple[str, ...]] = set()
    for path in sorted(Path("config/studies").rglob("*.yaml")):
        study = load_study(read_yaml(path))
        if isinstance(study, WeightSparseStudy):
            continue
        cached = (study.cached_sites, study.activations)
        things: dict[tuple[str, ...], Any] = {("activations", study.model, study.corpus): cached} if study.saes else {}
        things |= {("task", name): (study.model, task) for name, task in {**study.tasks, **study.behaviours}.items()}
        things |= {("sae", study.model, name): (study.seed, cached, sae) for name, sae in study.saes.items()}
        shared |= things.keys() & known.keys()
        for name, thing in things.items():
            assert known.setdefault(name, thing) == thing, f"{path}: {name}"
    assert ("task", "nounpp") in shared


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("study: x\nsites: [a\nmodel: b\n")
    with pytest.raises(StudyError, match=r"study.yaml:\d: not YAML"):
        read_yaml(tmp_path / "study.yaml")


def test_schemas_are_current() -> None:
    for name, text in schema_texts().items():
        assert (ROOT / "workflow/schemas" / name).read_text() == text, "run `make schemas`"


def test_sites_sort_in_the_order_of_the_computation() -> None:
    names = ["embed", "attn_out.0", "mlp_neurons.0", "mlp_out.0", "resid_post.0", "heads.1", "resid_post.10"]
    sites = [Site.parse(name) for name in names]
    assert [str(site) for site in sorted(sites, key=lambda site: site.order)] == names


def test_reading_a_study_does_not_load_torch() -> None:
    code = "import sys, sparse_circuits.config, sparse_circuits.base.fingerprint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_lists_spread_into_one_autoencoder_each() -> None:
    found = spread(
        {
            "a": {"architecture": "matryoshka", "k": [16, 32], "widths": [8, 16], "seeds": [0, 1]},
            "b": {"architecture": "topk", "k": 4},
        }
    )
    assert list(found) == ["a__k16__seed0", "a__k16__seed1", "a__k32__seed0", "a__k32__seed1", "b"]
    assert found["a__k32__seed1"] == {"architecture": "matryoshka", "k": 32, "widths": [8, 16], "seed": 1}
    assert found["b"] == {"architecture": "topk", "k": 4}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"k": [16, 32, 16]}, "`saes.a`: a__k16 is given twice"),
        ({"seeds": [0, 1], "seed": 2}, "`saes.a` has both `seed` and `seeds`"),
        ({"k": []}, "`saes.a.k`: the list of values to try is empty"),
    ],
)
def test_a_sweep_loses_no_autoencoder_without_a_word(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spread({"a": {"architecture": "topk", **entry}})
    with pytest.raises(ValueError, match="a__k1 is given twice"):
        spread({"a__k1": {"architecture": "topk", "k": 1}, "a": {"architecture": "topk", "k": [1]}})


def test_an_added_layer_keeps_no_clamp() -> None:
    edit = {"goal": "a", "keep": {"b": ["b"]}, "permanent": "added_layer"}
    rewrite = {"kind": "rewrite", "nodes": ["resid_post.1/2"], "clamp": 4.0}
    with pytest.raises(ValueError, match="`permanent: added_layer` keeps no `clamp`"):
        EditSettings.model_validate({**edit, "operations": [rewrite]})


def test_what_a_rule_is_told_is_read_again_from_the_words_that_say_it() -> None:
    shift = {"professions": {"nurse": ["ward", "-"], "poet": ["verse"]}, "site": "resid_post.1"}
    study = Study.model_validate({**STUDY, "graphs": {"a.b": {"prompt": "--name is"}}, "shift": shift})
    for rule, wildcards in (("trace_prompt", {"graph": "a.b"}), ("run_shift", {}), ("discover_circuits", {})):
        told = TOLD[rule].read(study, wildcards)

        def step(settings: Any) -> None: ...

        step.__annotations__ = {"settings": type(told)}
        assert parse(step, told.flags()) == {"settings": told}
