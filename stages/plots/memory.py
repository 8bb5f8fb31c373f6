"""Figures of the memory of recurrent networks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import REFERENCE

ByCell = Mapping[str, np.ndarray]  # cell -> values [seeds, distances]
XLABEL = "steps from the symbol to the end"
SMALLEST = 1e-12  # of the shown gradients; smaller ones are drawn there


def plot_recall(accuracies: ByCell, distances: Sequence[int], num_symbols: int) -> Figure:
    """Draw the accuracy of each cell by distance, and that of guessing."""
    figure = Figure(figsize=(6.4, 3.4))
    axes = figure.subplots()
    draw_range(axes, accuracies, distances)
    axes.axhline(1 / num_symbols, color=REFERENCE, linestyle=":", label="guessing")
    axes.set(xlabel=XLABEL, ylabel="accuracy on new sequences", ylim=(0, 1.03))
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def plot_gradients(panels: Mapping[str, ByCell], distances: Sequence[int]) -> Figure:
    """Draw the norms of gradients by distance.

    Args:
        panels: Gradients as fractions of those at the last step, by title.
        distances: Distances, ascending.
    """
    figure = Figure(figsize=(8, 3.6))
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, norms) in zip(row, panels.items(), strict=True):
        shown = {cell: np.maximum(values, SMALLEST) for cell, values in norms.items()}
        draw_range(axes, shown, distances)
        axes.set(title=title, xlabel=XLABEL, yscale="log")
    row[0].set_ylabel("gradient, relative to the last step")
    row[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def draw_range(axes: Axes, values: ByCell, distances: Sequence[int]) -> None:
    """Draw the median of each cell over seeds, and the range around it."""
    for cell, by_seed in values.items():
        (line,) = axes.plot(distances, np.median(by_seed, axis=0), marker=".", label=cell)
        low, high = by_seed.min(axis=0), by_seed.max(axis=0)
        axes.fill_between(distances, low, high, color=line.get_color(), alpha=0.2)
