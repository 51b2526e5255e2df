"""What a rule tells its step, and the keys that this depends on."""

import pytest

from sparse_circuits.command import parse
from sparse_circuits.config.base import StepSettings
from sparse_circuits.plan.study import TOLD
from sparse_circuits.steps import interpret_nodes
from worlds.checkout import ROOT
from worlds.studies import paths_of


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def told(rule: str, **wildcards: str) -> tuple[StepSettings, list[str]]:
    study = paths_of("study").study
    return TOLD[rule].read(study, wildcards), list(TOLD[rule].keys(study, wildcards))


def test_an_entry_of_a_catalogue_depends_on_its_key_of_the_catalogues_file() -> None:
    assert told("fetch_model")[1] == ["model", "models:models.tiny-llama"]
    assert told("fetch_corpus")[1] == ["corpus", "datasets:datasets.words"]


def test_of_two_sections_that_have_a_setting_the_nearer_one_counts() -> None:
    settings, keys = told("judge_transfer")
    assert settings.model_dump()["random_circuits"] == 2
    assert {"transfer.random_circuits", "circuits.batch_tokens"} < set(keys)


def test_natural_sentences_are_all_scored_whatever_the_circuits_are_scored_on() -> None:
    settings, keys = told("score_sentences")
    assert (settings.model_dump()["method"], settings.model_dump()["score_pairs"]) == ("relp", None)
    assert "circuits.score_pairs" not in keys


def test_no_bound_is_told_where_the_default_is_one() -> None:
    settings, _ = told("interpret_nodes", site="resid_post.0")
    whole = settings.model_copy(update={"tokens": None})
    paths = [
        word for name in ("model", "sae", "activations", "circuits", "interpretation") for word in (f"--{name}", "x")
    ]
    assert parse(interpret_nodes.step, [*paths, *whole.flags()])["settings"] == whole
