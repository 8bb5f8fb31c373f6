"""Figures of a forecast of a time series."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.core.splits import Split
from stages.plots.colors import COLOR_CYCLE, REFERENCE
from stages.plots.history import Panel, plot_history

NETWORK = "network"
PAST = 3  # values before a forecast that are shown, in multiples of the horizon
COLORS = {
    NETWORK: COLOR_CYCLE[0],
    "linear": COLOR_CYCLE[1],
    "seasonal naive": COLOR_CYCLE[5],
    "naive": REFERENCE,
}


def learning_curves(history: pd.DataFrame, test_error: float, unit: str) -> Figure:
    """Draw the error of training and validation, and the test error."""
    reference = (test_error, f"test, {test_error:.2f}")
    panel = Panel(f"mean absolute error, {unit}", ["loss"], reference=reference)
    return plot_history(history, [panel], "epoch")


def error_by_horizon(table: pd.DataFrame, unit: str) -> Figure:
    """Draw the error by horizon of each forecast: columns horizon, error, forecast."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for name, color in COLORS.items():
        curve = table[table["forecast"] == name]
        axes.plot(curve["horizon"], curve["error"], ".-", label=name, color=color)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="horizon, steps", ylabel=f"mean absolute error, {unit}", ylim=(0, None))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def forecasts(
    test: Split, predicted: Mapping[str, np.ndarray], actual: np.ndarray, series: Mapping[str, Any]
) -> Figure:
    """Draw the series with a forecast at every `horizon` steps, a panel per kind of forecast.

    Args:
        test: Past values [n, length] and next values [n, horizon] of consecutive windows.
        predicted: Forecasts [n, horizon] by name.
        actual: All values that the windows have to forecast.
        series: `input` of info.json, for `interval` and units.
    """
    horizon = test.y.shape[1]
    figure = Figure(figsize=(9, 1.5 * len(predicted)))
    grid = figure.subplots(len(predicted), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    time = series["interval"] * np.arange(len(actual))
    for axes, (name, values) in zip(grid, predicted.items(), strict=True):
        axes.plot(time, actual, color="black", linewidth=0.8)
        for start in range(0, len(values), horizon):
            part = slice(start, start + horizon)
            axes.plot(time[part], values[start], color=COLORS[name], linewidth=1.6)
            axes.plot(time[start], values[start, 0], ".", color=COLORS[name], markersize=4)
        axes.set_title(name, loc="left", fontsize=9)
        axes.set_ylabel(series["unit"])
    grid[-1].set_xlabel(f"time since the beginning of the test split, {series['time_unit']}")
    return figure


def windows(
    test: Split, predicted: Mapping[str, np.ndarray], shown: Mapping[str, int], unit: str
) -> Figure:
    """Draw single windows: the last values of the past, the next values, and all forecasts.

    Args:
        test: Past values [n, length] and next values [n, horizon].
        predicted: Forecasts [n, horizon] by name.
        shown: Windows to draw, by title.
        unit: Unit of the values.
    """
    figure = Figure(figsize=(9, 3.1))
    grid = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    length, horizon = test.x.shape[1], test.y.shape[1]
    past = np.arange(-min(PAST * horizon, length), 0)
    future = np.arange(horizon)
    for axes, (title, index) in zip(grid, shown.items(), strict=True):
        axes.plot(past, test.x[index, past], color="black", linewidth=0.8)
        axes.plot(future, test.y[index], color="black", linewidth=1.6, label="actual")
        for name, values in predicted.items():
            axes.plot(future, values[index], color=COLORS[name], linewidth=1.3, label=name)
        axes.set(title=title, xlabel="step")
    grid[0].set_ylabel(unit)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure
