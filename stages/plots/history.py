"""Learning curves, for all tasks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.plots.colors import COLOR_CYCLE, REFERENCE, TRAINING, VALIDATION


class Panel(NamedTuple):
    """One panel of a figure of learning curves.

    Attributes:
        title: Title of the y axis: the metric and its unit.
        columns: Names of columns, without val_; each is drawn for training and validation, if
            present in the history.
        labels: A label per column if there are several; otherwise training and validation.
        log: Whether the y axis is logarithmic, so that late differences are visible too.
        reference: Constant reference value and its label, or None.
    """

    title: str
    columns: Sequence[str]
    labels: Sequence[str] = ()
    log: bool = False
    reference: tuple[float, str] | None = None


def plot_history(history: pd.DataFrame, panels: Sequence[Panel], x: str) -> Figure:
    """Draw learning curves.

    Args:
        history: A row per epoch or logging step.
        panels: Panels from left to right.
        x: Column of the x axis, `epoch` or `training_step`; steps are on a logarithmic axis, as
            logging steps are logarithmically spaced.

    Returns:
        Figure with a row of panels.
    """
    figure = Figure(figsize=(3.5 * len(panels), 2.8))
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        draw_panel(axes, history, panel, x)
    return figure


def draw_panel(axes: Axes, history: pd.DataFrame, panel: Panel, x: str) -> None:
    """Draw one panel; see `plot_history`."""
    for column, label, color in curves(history, panel):
        axes.plot(history[x], history[column], ".-", label=label, color=color)
    if panel.reference:
        value, label = panel.reference
        axes.axhline(value, color=REFERENCE, linestyle="--", label=label)
    axes.set(xlabel=x.replace("_", " "), title=panel.title)
    if panel.log:
        axes.set_yscale("log")
    if x == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        axes.set_xscale("log")
    axes.legend()


def curves(history: pd.DataFrame, panel: Panel) -> list[tuple[str, str, str]]:
    """Return column, label and color of each curve of a panel."""
    if panel.labels:
        return list(zip(panel.columns, panel.labels, COLOR_CYCLE, strict=False))
    (name,) = panel.columns
    both = ((name, "training", TRAINING), (f"val_{name}", "validation", VALIDATION))
    return [curve for curve in both if curve[0] in history]


def lowest(history: pd.DataFrame, column: str, x: str) -> tuple[int, float]:
    """Return x and value of the minimum of a column."""
    row = int(np.argmin(history[column].to_numpy()))
    return int(history[x].iloc[row]), float(history[column].iloc[row])
