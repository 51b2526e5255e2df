"""What figures say is what the artefacts behind them hold."""

import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from sparse_circuits.artefacts.circuit import ScoredCircuit
from sparse_circuits.artefacts.circuit_evaluation import CircuitEvaluation
from sparse_circuits.artefacts.circuit_proof import CircuitProof
from sparse_circuits.artefacts.edit_evaluation import EditEvaluation
from sparse_circuits.artefacts.sae_evaluation import SAEEvaluation
from sparse_circuits.artefacts.weight_frontier import WeightFrontier
from sparse_circuits.base.errors import StudyError
from sparse_circuits.circuits.scores import NodeScores, SiteMeans, SiteScores, save_scores
from sparse_circuits.config.score_nodes import Scoring
from sparse_circuits.config.site import Site
from sparse_circuits.figures.circuit_graph import draw_circuit
from sparse_circuits.figures.edit import plot_edit
from sparse_circuits.figures.faithfulness import SHOWN, plot_faithfulness
from sparse_circuits.figures.overlap import BEST, plot_overlap
from sparse_circuits.figures.pareto import plot_pareto
from sparse_circuits.figures.runtime import plot_runtime
from sparse_circuits.figures.stability import plot_stability
from sparse_circuits.figures.style import save_figure, use_style
from sparse_circuits.figures.training import plot_training
from sparse_circuits.figures.twins import plot_twins
from worlds.artefact_example import example

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
    save_scores(path, NodeScores({site: scores}, means, torch.ones(4), Scoring.of(method, 1)))
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


def unreadable(figure: Figure) -> list[str]:
    """Words of a figure that leave it, and ticks of an axis that nearly touch the one before."""
    figure.canvas.draw()
    whole = figure.get_tightbbox().padded(-1 / 72), figure.bbox_inches
    found = [f"{name} is cut off" for name, inside in zip("xy", _inside(*whole), strict=True) if not inside]
    for axis in figure.axes:
        area = axis.get_window_extent().padded(20)
        for ticks in (axis.get_xticklabels(), axis.get_yticklabels()):
            level = [(tick.get_text(), tick.get_window_extent()) for tick in ticks if not tick.get_rotation()]
            shown = [(text, box) for text, box in level if text and area.overlaps(box)]
            found += [f"{one} {other}" for (one, a), (other, b) in pairwise(shown) if a.x1 + 8 > b.x0 and _level(a, b)]
    return found


def _level(one: Bbox, other: Bbox) -> bool:
    return one.y0 < other.y1 and other.y0 < one.y1


def _inside(drawn: Bbox, canvas: Bbox) -> tuple[bool, bool]:
    return drawn.x0 >= 0 and drawn.x1 <= canvas.x1, drawn.y0 >= 0 and drawn.y1 <= canvas.y1


@pytest.mark.parametrize("tokens", [16_000, 600_000, 500_000_000, 4_000_000_000])
def test_training_can_be_read_whatever_its_length(tokens: int, tmp_path: Path) -> None:
    path = tmp_path / "resid_post.14/topk/training.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"tokens,fvu\n2048,0.9\n{tokens},0.1\n")
    use_style()
    figure, _ = plot_training([path])
    assert not unreadable(figure)


@pytest.mark.parametrize("names", [["simple", "rc"], ["input_integrated_gradients", "attribution_patching", "relp"]])
def test_the_names_beside_an_overlap_are_whole(names: list[str], tmp_path: Path) -> None:
    use_style()
    figure, _ = plot_overlap([scored(tmp_path / f"circuits/s/{name}/features/scores.h5", 0, "relp") for name in names])
    assert not unreadable(figure)


@pytest.mark.parametrize("largest", [8, 300, 100_000])
def test_logarithmic_counts_can_be_read_over_any_number_of_decades(largest: int, tmp_path: Path) -> None:
    use_style()
    edges = {name: {"sparse_edges": 4, "dense_edges": largest} for name in ("quote", "bracket")}
    frontier = tmp_path / "frontier.json"
    example(WeightFrontier, pairs=[{"sparse": "s", "dense": "d", "tasks": edges}]).write(frontier)
    figure, _ = plot_twins([frontier])
    assert not unreadable(figure)
    files = [tmp_path / f"topk__k{l0}/evaluation.json" for l0 in (4, largest)]
    for file, l0 in zip(files, (4, largest), strict=True):
        example(SAEEvaluation, site="resid_post.0", fvu=0.1, ce_recovered=0.9, l0=l0).write(file)
    figure, _ = plot_pareto(files)
    assert not unreadable(figure)


def test_stability_stands_as_it_was_proved(tmp_path: Path) -> None:
    proof = {
        "controls": {"size": 7},
        "stability": {"jaccard": 0.6, "jaccard_with_all": 0.8, "resamples": 100, "consensus": ["a", "b"]},
    }
    path = tmp_path / "circuits/s/simple/features/proof.json"
    example(CircuitProof, **proof).write(path)
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
    example(EditEvaluation, **found).write(path)
    figure, data = plot_edit([path])
    labels = ["gap (nats)", *(["wrong answers"] if errs else []), "accuracy,\nagreement", "perplexity"]
    assert [axis.get_xlabel() for axis in figure.axes] == labels
    if errs:
        assert (
            figure.axes[1].collections[0].get_offsets()[:, 0].tolist() == data["errors"].tolist() == [0.05, 0.02, 0.04]
        )


def test_a_control_beyond_the_axis_is_drawn_at_its_edge_with_its_value(tmp_path: Path) -> None:
    curve = {"nodes": [1, 10], "faithfulness": [0.5, 0.9], "completeness": [0.5, 0.1], "random": [0.0, 0.1]}
    bands = {f"{name}_ci95": [[value, value] for value in curve[name]] for name in ("faithfulness", "completeness")}
    facts = {"task": "simple", "basis": "neurons", **curve, **bands}
    files = [tmp_path / "inside.json", tmp_path / "beyond.json"]
    for file, nonsense, shuffled in zip(files, (0.1, 2.4), (0.0, -3.0), strict=True):
        controls = {"size": 10, "nonsense": nonsense, "shuffled": shuffled}
        example(CircuitEvaluation, **{**facts, "task": file.stem, "controls": controls}).write(file)
    figure, _ = plot_faithfulness(files)
    inside, beyond = (axis.texts for axis in figure.axes[:2])
    assert [text.get_text() for text in inside] == []
    bottom, top = SHOWN["faithfulness"]
    assert {(text.get_text(), text.xy) for text in beyond} == {("2.4", (10, top)), ("-3.0", (10, bottom))}
    renderer = figure.canvas.get_renderer()
    assert all(text.get_window_extent(renderer).overlaps(figure.axes[1].bbox) for text in beyond), "within the axis"


@pytest.mark.parametrize("text", ["各", "열쇠", "ключ", "مفاتيح", "😀", "naïve", "$x$"])
def test_tokens_of_every_script_stand_in_figures_as_they_are(text: str, tmp_path: Path) -> None:
    site = {"site": "resid_post.0", "position": None, "score": -1.0}
    nodes = [
        {"id": "resid_post.0/1", **site, "promotes": [text, "a|b"]},
        {"id": "logit_difference", **site, "site": "output"},
    ]
    example(ScoredCircuit, task="t", metric="logit_difference", nodes=nodes).write(tmp_path / "circuit.json")
    use_style()
    save_figure(*draw_circuit([tmp_path / "circuit.json"]), tmp_path / "figure")
    assert f"“{text}”" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "figure.csv")
    assert json.loads(table["promotes"][0]) == [text, "a|b"]
