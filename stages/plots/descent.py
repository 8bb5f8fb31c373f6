"""Figures of walks of gradient descent."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.analyses.descent import DIVERGED, MINIMUM, Surface, Walk
from stages.plots.colors import COLOR_CYCLE, REFERENCE

LIMIT = 2.2  # of the axes of positions
HEIGHT = (-0.6, 6.0)  # of the axis of the curve's loss
CONTOURS = np.geomspace(0.02, 100, 10)


def plot_walks(surface: Surface, walks: Mapping[float, Mapping[float, Sequence[Walk]]]) -> Figure:
    """Draw the walks on a curve or on the contours of a valley.

    Args:
        surface: Function that is minimized.
        walks: A walk per starting point, by momentum (a row each) and learning rate (a column
            each).
    """
    columns = max(len(by_rate) for by_rate in walks.values())
    figure = Figure(figsize=(2.1 * columns, 2 * len(walks) + 0.3))
    grid = figure.subplots(len(walks), columns, sharex=True, sharey=True, squeeze=False)
    for row, (momentum, by_rate) in zip(grid, walks.items(), strict=True):
        row[0].set_ylabel(f"momentum {momentum:g}" if momentum else "no momentum")
        for axes, (rate, group) in zip(row, by_rate.items(), strict=True):
            draw = draw_on_curve if group[0].path.shape[1] == 1 else draw_on_contours
            draw(axes, surface, group)
            axes.set_title(f"rate {rate:g}: {count_endings(group)}", fontsize=8)
    return figure


def count_endings(walks: Sequence[Walk]) -> str:
    """Return how many walks arrive at the minimum, and how many diverge if any do."""
    arrived, diverged = (sum(each.end == end for each in walks) for end in (MINIMUM, DIVERGED))
    if diverged:
        return f"{arrived} arrived, {diverged} diverged"
    return f"{arrived} of {len(walks)} arrived"


def draw_on_curve(axes: Axes, surface: Surface, walks: Sequence[Walk]) -> None:
    """Draw a curve and walks on it."""
    x = np.linspace(-LIMIT, LIMIT, 200)
    axes.plot(x, surface.loss(x[:, None]), color=REFERENCE)
    for each, color in zip(walks, COLOR_CYCLE, strict=False):
        draw_walk(axes, each.path[:, 0], each.losses, color)
    axes.set(xlim=(-LIMIT, LIMIT), ylim=HEIGHT)


def draw_on_contours(axes: Axes, surface: Surface, walks: Sequence[Walk]) -> None:
    """Draw the contours of a valley and walks in it."""
    ticks = np.linspace(-LIMIT, LIMIT, 100)
    positions = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    losses = surface.loss(positions).reshape(len(ticks), len(ticks))
    axes.contour(ticks, ticks, losses, CONTOURS, colors=REFERENCE, linewidths=0.5)
    for each, color in zip(walks, COLOR_CYCLE, strict=False):
        draw_walk(axes, each.path[:, 0], each.path[:, 1], color)
    axes.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT))
    axes.grid(False)


def draw_walk(axes: Axes, x: np.ndarray, y: np.ndarray, color: str) -> None:
    """Draw a dot per step, a ring at the start and a cross at the end."""
    axes.plot(x, y, ".-", color=color, linewidth=0.7, markersize=3)
    axes.plot(x[:1], y[:1], "o", color=color, markerfacecolor="white", markersize=6)
    axes.plot(x[-1:], y[-1:], "X", color=color, markeredgecolor="white", markersize=7)
