"""Figures of a forecast of a time series."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.core.splits import Split
from stages.plots.colors import COLOR_CYCLE, REFERENCE
from stages.plots.history import Panel, plot_history

NETWORK = "network"
COLORS = {
    NETWORK: COLOR_CYCLE[0],
    "linear": COLOR_CYCLE[1],
    "seasonal naive": COLOR_CYCLE[5],
    "naive": REFERENCE,
}


def learning_curves(history: pd.DataFrame, test_error: float) -> Figure:
    """Draw the error of training and validation, and the test error."""
    panel = Panel(
        "mean absolute error", ["loss"], reference=(test_error, f"test, {test_error:.2f}")
    )
    return plot_history(history, [panel], "epoch")


def error_by_horizon(table: pd.DataFrame) -> Figure:
    """Draw the error by horizon of each forecast: columns horizon, error, forecast."""
    figure = Figure(figsize=(5.5, 3))
    axes = figure.subplots()
    for name, color in COLORS.items():
        curve = table[table["forecast"] == name]
        axes.plot(curve["horizon"], curve["error"], ".-", label=name, color=color)
    axes.set(xlabel="horizon", ylabel="mean absolute error", ylim=(0, None))
    axes.legend()
    return figure


def forecasts(
    test: Split, predicted: Mapping[str, np.ndarray], series: np.ndarray, interval: float
) -> Figure:
    """Draw the series with a forecast at every `horizon` steps, a panel per kind of forecast.

    Args:
        test: Past values [n, length] and next values [n, horizon] of consecutive windows.
        predicted: Forecasts [n, horizon] by name.
        series: All values that the windows have to forecast.
        interval: Time from step to step.
    """
    horizon = test.y.shape[1]
    figure = Figure(figsize=(9, 1.5 * len(predicted)))
    grid = figure.subplots(len(predicted), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    time = interval * np.arange(len(series))
    for axes, (name, values) in zip(grid, predicted.items(), strict=True):
        axes.plot(time, series, color="black", linewidth=0.8)
        for start in range(0, len(values), horizon):
            part = slice(start, start + horizon)
            axes.plot(time[part], values[start], color=COLORS[name], linewidth=1.6)
            axes.plot(time[start], values[start, 0], ".", color=COLORS[name], markersize=4)
        axes.set_title(name, loc="left", fontsize=9)
    grid[-1].set_xlabel("time since the beginning of the test split")
    return figure


def windows(
    test: Split,
    predicted: Mapping[str, np.ndarray],
    indices: Sequence[int],
    titles: Sequence[str],
) -> Figure:
    """Draw single windows: past, next values, and all forecasts.

    Args:
        test: Past values [n, length] and next values [n, horizon].
        predicted: Forecasts [n, horizon] by name.
        indices: Windows to draw.
        titles: Title of each.
    """
    figure = Figure(figsize=(9, 2.9))
    grid = figure.subplots(1, len(indices), sharey=True, squeeze=False)[0]
    for axes, index, title in zip(grid, indices, titles, strict=True):
        draw_window(axes, test.take(np.array([index])), predicted, index)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step")
    grid[0].legend(fontsize=7, loc="upper left")
    return figure


def draw_window(axes: Axes, window: Split, predicted: Mapping[str, np.ndarray], index: int) -> None:
    """Draw one window; see `windows`."""
    length, horizon = window.x.shape[1], window.y.shape[1]
    past, future = np.arange(-length, 0), np.arange(horizon)
    axes.plot(past, window.x[0], color=REFERENCE, linewidth=0.8)
    axes.plot(future, window.y[0], color="black", linewidth=1.4, label="actual")
    for name, values in predicted.items():
        axes.plot(future, values[index], color=COLORS[name], linewidth=1.2, label=name)
