"""What each rule of a study of weight-sparse transformers tells its step."""

from sparse_circuits.config.plot_figure import PlotFigure
from sparse_circuits.config.write_report import WriteWeightReport
from sparse_circuits.plan.figures import weight_figures_of
from sparse_circuits.plan.settings import Computed, Told
from sparse_circuits.plan.study import FETCH_CORPUS

TOLD = {
    "fetch_corpus": FETCH_CORPUS,
    "plot_figure": Told(
        PlotFigure, others={"kind": Computed(lambda study, of: weight_figures_of(study)[of["figure"]].kind)}
    ),
    "write_weight_report": Told(WriteWeightReport),
}
