"""What figures say is what the artefacts behind them hold."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from sparse_circuits.circuits.scores import NodeScores, SiteMeans, SiteScores, save_scores
from sparse_circuits.config import Site
from sparse_circuits.errors import StudyError
from sparse_circuits.figures.circuit_graph import draw_circuit
from sparse_circuits.figures.edit import plot_edit
from sparse_circuits.figures.overlap import BEST, plot_overlap
from sparse_circuits.figures.runtime import plot_runtime
from sparse_circuits.figures.stability import plot_stability
from sparse_circuits.figures.style import save_figure, use_style
from sparse_circuits.files import write_json

WIDTH = 3 * BEST


@pytest.fixture(autouse=True)
def _closed() -> None:
    plt.close("all")


def scored(path: Path, first: int, method: str) -> Path:
    """Scores of which the best nodes are those from number `first` on."""
    nodes = torch.full((4, 1, WIDTH), 0.01)
    nodes[:, :, first : first + BEST] = 1.0
    site = Site("resid_post", 0)
    scores = SiteScores(nodes, torch.zeros(4, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    means = {site: SiteMeans(torch.zeros(2, WIDTH), torch.zeros(2, 4))}
    save_scores(path, NodeScores({site: scores}, means, torch.ones(4)), method, 1)
    return path


def test_overlap_is_the_jaccard_index_of_the_best_nodes(tmp_path: Path) -> None:
    """Half of one's best nodes are the other's: 50 shared of 150; of tasks and, in one task, of methods."""
    half, folder = BEST // 2, tmp_path / "circuits/s"
    one = scored(folder / "simple/features/scores.h5", 0, "relp")
    other = scored(folder / "rc/features/scores.h5", half, "relp")
    _, table = plot_overlap([one, other])
    found = {(row.one, row.other): row.jaccard for row in table.itertuples()}
    assert found == {("simple", "simple"): 1.0, ("simple", "rc"): pytest.approx(1 / 3), ("rc", "rc"): 1.0}
    by_method = scored(folder / "simple/features/scores_by/attribution_patching.h5", BEST, "attribution_patching")
    _, table = plot_overlap([one, by_method])
    assert table["jaccard"].tolist() == [1.0, 0.0, 1.0]
    assert table["other"].tolist() == ["relp", "attribution patching", "attribution patching"]


def test_stability_stands_as_it_was_proved(tmp_path: Path) -> None:
    proof = {
        "controls": {"size": 7},
        "stability": {"jaccard": 0.6, "jaccard_with_all": 0.8, "resamples": 100, "consensus": ["a", "b"]},
    }
    path = tmp_path / "circuits/s/simple/features/proof.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(proof))
    _, table = plot_stability([path])
    (row,) = table.to_dict("records")
    assert (row["task"], row["nodes"], row["in nine of ten"]) == ("simple", 7, 2)
    assert (row["between resamples"], row["with all pairs"]) == (0.6, 0.8)


def test_runtime_adds_up_the_jobs_of_a_rule(tmp_path: Path) -> None:
    """The last line of a benchmark file counts; memory is that of the largest job, what is not known is left out."""
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    for name, lines in {
        "train/a": "9\t-\t1\t9\n60\t-\t1024\t90\n",
        "train/b": "120\t-\t2048\t30\n",
        "fetch/c": "6\t-\t-\t-\n",
    }.items():
        path = tmp_path / f"logs/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + lines)
    _, table = plot_runtime(sorted((tmp_path / "logs").glob("*/*.tsv")))
    train, fetch = table.to_dict("records")
    assert (train["rule"], train["jobs"], train["wall_minutes"], train["cpu_minutes"]) == ("train", 2, 3.0, 2.0)
    assert train["memory_gib"] == 2.0
    assert (fetch["rule"], fetch["wall_minutes"]) == ("fetch", 0.1)
    with pytest.raises(StudyError, match="run the workflow first"):
        plot_runtime([])


@pytest.mark.parametrize("errs", [True, False])
def test_an_edit_of_attractors_shows_how_often_the_model_errs(errs: bool, tmp_path: Path) -> None:
    def way(errors: float) -> dict[str, object]:
        wrong = {"errors": errors, "errors_ci95": [errors - 0.01, errors + 0.01]} if errs else {}
        return {"gap": 1.0, "gap_ci95": [0.5, 1.5], **wrong, "agreement": 0.9, "perplexity": 20.0}

    random = {
        "gap": 1.0,
        "gap_range": [0.9, 1.1],
        "agreement": 0.9,
        "perplexity": 20.0,
        **({"errors": 0.04} if errs else {}),
    }
    found = {"kept": ["agreement"], "before": way(0.05), "hooked": way(0.02), "baselines": {"random": random}}
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(found))
    figure, data = plot_edit([path])
    labels = ["gap (nats)", *(["wrong answers"] if errs else []), "accuracy,\nagreement", "perplexity"]
    assert [axis.get_xlabel() for axis in figure.axes] == labels
    if errs:
        assert (
            figure.axes[1].collections[0].get_offsets()[:, 0].tolist() == data["errors"].tolist() == [0.05, 0.02, 0.04]
        )


@pytest.mark.parametrize("text", ["各", "열쇠", "ключ", "مفاتيح", "😀", "naïve", "$x$"])
def test_tokens_of_every_script_stand_in_figures_as_they_are(text: str, tmp_path: Path) -> None:
    site = {"site": "resid_post.0", "position": None, "score": -1.0}
    nodes = [
        {"id": "resid_post.0/1", **site, "promotes": [text, "a|b"]},
        {"id": "logit_difference", **site, "site": "output"},
    ]
    circuit = {"task": "t", "metric": "logit_difference", "nodes": nodes, "edges": []}
    write_json(tmp_path / "circuit.json", circuit)
    use_style()
    save_figure(*draw_circuit([tmp_path / "circuit.json"]), tmp_path / "figure")
    assert f"“{text}”" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "figure.csv")
    assert json.loads(table["promotes"][0]) == [text, "a|b"]
