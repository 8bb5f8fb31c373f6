"""Figures of studies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import REFERENCE, TRAINING
from stages.studies.findings import Summary
from stages.studies.results import ordered_values
from stages.studies.variants import name_value

LOG_RATIO = 50  # of the largest to the smallest value, from which the axis is logarithmic


def plot_study(study: Any, table: pd.DataFrame, summaries: Sequence[Summary]) -> Figure:
    """Draw a study as its section says: "curves" or "values"."""
    figure = Figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    label = study.metric.replace("val_", "validation ").replace("_", " ")
    if study.chart == "curves":
        draw_curves(axes, table, study.metric)
    else:
        draw_values(axes, summaries, ordered_values(study.grid))
        if len(study.grid) == 1:
            axes.set_xlabel(next(iter(study.grid)).rpartition(".")[2].replace("_", " "))
    axes.set_ylabel(label)
    return figure


def draw_curves(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    """Draw the mean curve of each variant, and the range over seeds around it."""
    unit = "epoch" if "epoch" in table else "training_step"
    names = list(dict.fromkeys(table["variant"]))
    for color, name in zip(
        colormaps["viridis"](np.linspace(0, 0.92, len(names))), names, strict=True
    ):
        rows = table[(table["variant"] == name) & ~table["diverged"]]
        if rows.empty:
            axes.plot([], [], color=color, linestyle=":", label=f"{name} (diverged)")
            continue
        by_unit = rows.groupby(unit)[metric].agg(["mean", "min", "max"])
        axes.plot(by_unit.index, by_unit["mean"], color=color, label=name)
        axes.fill_between(by_unit.index, by_unit["min"], by_unit["max"], color=color, alpha=0.2)
    axes.set_xlabel(unit.replace("_", " "))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def draw_values(axes: Axes, summaries: Sequence[Summary], values: list[float] | None) -> None:
    """Draw each result as a dot, and the mean of each variant.

    Args:
        axes: Axes to draw on.
        summaries: Results by variant.
        values: The values of the variants, ascending, if they are numbers.
    """
    if values:
        by_name = {summary.name: summary for summary in summaries}
        summaries = [by_name[name_value(value)] for value in values]
        positions: Sequence[float] = values
        if values[0] > 0 and values[-1] / values[0] > LOG_RATIO:
            axes.set_xscale("log")
    else:
        positions = range(len(summaries))
        axes.set_xticks(positions, [summary.name for summary in summaries], rotation=20, ha="right")
    for position, summary in zip(positions, summaries, strict=True):
        axes.plot([position] * len(summary.values), summary.values, ".", color=REFERENCE)
    style = "o-" if values else "o"
    axes.plot(positions, [summary.mean for summary in summaries], style, color=TRAINING)
