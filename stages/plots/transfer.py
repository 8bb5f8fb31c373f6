"""Figures of transfer learning."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import REFERENCE
from stages.plots.memory import draw_range

LEGEND: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
ByMethod = Mapping[str, np.ndarray]  # method -> accuracies [seeds, numbers of labels]


def plot_accuracies(accuracies: ByMethod, labels: Sequence[int]) -> Figure:
    """Draw the accuracy of each method by number of labels."""
    figure, axes = prepare(labels)
    draw_range(axes, accuracies, labels)
    axes.set_ylabel("validation accuracy")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(**LEGEND)
    return figure


def plot_gains(accuracies: ByMethod, labels: Sequence[int], reference: str) -> Figure:
    """Draw the difference of each method to a reference with the same seed, in points."""
    figure, axes = prepare(labels)
    axes.axhline(0, color=REFERENCE, linestyle=":", label=reference)
    axes.plot([], [])  # keeps the colors of the other figure
    gains = {
        method: 100 * (values - accuracies[reference])
        for method, values in accuracies.items()
        if method != reference
    }
    draw_range(axes, gains, labels)
    axes.set_ylabel(f"accuracy minus that {reference}, points")
    axes.legend(**LEGEND)
    return figure


def prepare(labels: Sequence[int]) -> tuple[Figure, Axes]:
    """Make a figure with an axis of labels per class."""
    figure = Figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    axes.set(xscale="log", xlabel="labels per class")
    axes.set_xticks(labels, [f"{number:,}" for number in labels])
    axes.minorticks_off()
    return figure, axes
