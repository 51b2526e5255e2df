"""What tells a task's sides apart: their average images, and images changed until the model sees the other side."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparse_circuits.artefacts.counterfactuals import CounterfactualImages, Levels
from sparse_circuits.figures.style import TEXT_WIDTH

EXAMPLES = 3
ROW_HEIGHT = 0.78  # inches


def draw_counterfactuals(files: list[Path]) -> tuple[Figure, pd.DataFrame]:
    """Return the drawing and the table of counterfactuals.json.

    A task is a row: the averages of both sides, then images, each with its counterfactual and what was added (red) or
    taken away (blue); under each its logit difference in nats.
    """
    tasks = CounterfactualImages.read(files[0]).tasks
    figure, axes = plt.subplots(
        len(tasks), 2 + 3 * EXAMPLES, figsize=(TEXT_WIDTH, ROW_HEIGHT * len(tasks)), squeeze=False
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.set_frame_on(False)
    for row, task in zip(axes, tasks, strict=True):
        row[0].set_ylabel(f"{task.task}\n{task.flipped:.0%} flipped", fontsize=5.5)
        for axis, side in zip(row, ("of", "against"), strict=False):
            _show(axis, getattr(task.averages, side), "average")
        for number, example in enumerate(task.examples[:EXAMPLES]):
            first, second, third = row[2 + 3 * number : 5 + 3 * number]
            _show(first, example.image, f"{example.of} {example.before:+.1f}")
            _show(second, example.counterfactual, f"{example.after:+.1f}")
            change = np.array(example.counterfactual, dtype=float) - np.array(example.image, dtype=float)
            third.imshow(change.mean(axis=2), cmap="RdBu_r", vmin=-90, vmax=90, interpolation="nearest")
            third.set_xlabel("change", fontsize=4.5, labelpad=1)
    rows = [
        {"task": task.task, "flipped": task.flipped, "changed": task.changed}
        | example.model_dump(include={"id", "of", "before", "after"})
        for task in tasks
        for example in task.examples
    ]
    return figure, pd.DataFrame(rows, columns=["task", "flipped", "changed", "id", "class", "before", "after"])


def _show(axis: Axes, image: Levels, words: str) -> None:
    levels = np.array(image, dtype=np.uint8)
    axis.imshow(np.repeat(levels, 3, axis=2) if levels.shape[2] == 1 else levels, interpolation="nearest")
    axis.set_xlabel(words, fontsize=4.5, labelpad=1)
