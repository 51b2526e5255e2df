"""How training went."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from sparse_circuits.figures.style import TEXT_WIDTH


def plot_training(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the figure and data of training.csv files: fraction of variance unexplained over tokens, by site."""
    data = pd.concat(
        [pd.read_csv(file).assign(site=file.parent.parent.name, sae=file.parent.name) for file in files],
        ignore_index=True,
    )
    figure, axis = plt.subplots(figsize=(TEXT_WIDTH / 2, 2.3))
    if len(data):
        sns.lineplot(
            data=data, x="tokens", y="fvu", hue="site", style="sae" if data["sae"].nunique() > 1 else None, ax=axis
        )
        axis.set(xlabel="training tokens", ylabel="FVU of the batch", ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.legend(title=None, frameon=False)
    else:
        axis.text(0.5, 0.5, "published autoencoders: no training here", ha="center", transform=axis.transAxes)
    sns.despine(figure)
    return figure, data
