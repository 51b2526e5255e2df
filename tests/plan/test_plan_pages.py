"""What a study's pages show and list follows from its settings alone (`test_report.py` has what they consist of)."""

from sparse_circuits.plan.pages import artefacts_of, shown_by
from worlds.studies import paths_of


def test_what_a_study_does_not_ask_for_is_not_shown() -> None:
    shown = shown_by(paths_of("study"))
    assert shown["graphs"] == ["results/graphs/test/keys/graph.json"]
    assert shown["interpretations"] == [f"results/interpretations/test/resid_post.{layer}.json" for layer in (0, 1)]
    assert (shown["edits"], shown["claims"]) == ([], [])


def test_what_a_page_shows_and_was_made_of_is_listed_once() -> None:
    listed = artefacts_of(paths_of("vision"))
    assert len(set(listed)) == len(listed)
    assert {
        "results/corpora/shapes/images.h5",
        "results/models/tiny-vit/model.safetensors",
        "results/models/tiny-vit-sparse/losses.json",
        "results/edits/test-vision/corner/evaluation.json",
        "results/figures/test-vision/twins.csv",
        "results/saes/tiny-vit/resid_post.1/denser/cfg.json",
        "results/tasks/corner/test.jsonl",
        "results/edits/test-vision/corner/selection.json",
        "results/circuits/test-vision/square_or_cross/tiny-vit/pruning.json",
        "results/circuits/test-vision/counterfactuals.json",
    } <= set(listed)
    assert not [path for path in listed if path.startswith("results/edits/test-vision/corner/model/")], "not permanent"
