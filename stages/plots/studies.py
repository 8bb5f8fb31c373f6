"""Figures of studies."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.core.splits import Split
from stages.plots.colors import GENERATED, REFERENCE, TRAINING
from stages.plots.images import dark_on_white, image_grid
from stages.studies.findings import Summary
from stages.studies.results import ordered_values
from stages.studies.variants import name_value

SQUARE = 1.2  # limit of the axes of points and surfaces
CLASS_0, CLASS_1 = "#67001f", "#053061"  # darker than the surface
SHOWN_POINTS, SHOWN_IMAGES = 300, 25
LABEL_WIDTH = 16  # characters of a line
LOG_RATIO = 20  # of the largest to the smallest value, from which the axis is logarithmic


LABELS = {
    "max_examples": "number of training examples",
    "max_tokens": "length of reviews in words",
}


def plot_study(
    study: Any,
    table: pd.DataFrame,
    summaries: Sequence[Summary],
    snapshots: Sequence[np.ndarray | None],
    examples: Split,
) -> Figure:
    """Draw a study as its section says.

    Args:
        study: Section of the study in params.yaml.
        table: Histories of all runs; see results.summarize.
        summaries: Results by variant.
        snapshots: Snapshot of each run, None where training diverged.
        examples: Training examples, drawn on snapshots of points and surfaces.
    """
    if study.chart == "snapshots":
        return draw_snapshots(table, study.metric, snapshots, examples, name_values(study.grid))
    figure = Figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    if study.chart == "curves":
        draw_curves(axes, table, study.metric)
    else:
        draw_values(axes, summaries, ordered_values(study.grid))
        axes.set_xlabel(name_values(study.grid))
    axes.set_ylabel(describe(study.metric))
    return figure


def describe(metric: str) -> str:
    """Return the label of a metric."""
    return metric.replace("val_", "validation ").replace("_", " ")


def name_values(grid: Mapping[str, Any]) -> str:
    """Return what the values of a grid over one key are; nothing for other studies."""
    if len(grid) != 1:
        return ""
    name = next(iter(grid)).rpartition(".")[2]
    return LABELS.get(name, name.replace("_", " "))


def draw_snapshots(
    table: pd.DataFrame,
    metric: str,
    snapshots: Sequence[np.ndarray | None],
    examples: Split,
    values: str,
) -> Figure:
    """Draw the snapshot of each run: a row per variant, a column per seed; see plot_study."""
    kept = table[table["kept"]]
    rows, columns = kept["variant"].nunique(), kept["seed"].nunique()
    figure = Figure(figsize=(1.5 * columns + 1.1, 1.65 * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, run, snapshot in zip(grid.flat, kept.to_dict("records"), snapshots, strict=True):
        axes.set(xticks=[], yticks=[], aspect="equal")
        axes.grid(False)
        if snapshot is None:
            axes.set_title("diverged", fontsize=8)
            continue
        draw_snapshot(axes, snapshot, examples)
        value = run[metric]
        text = f"{value:.1%}" if metric.endswith("accuracy") else f"{value:.3g}"
        axes.set_title(f"{describe(metric).removeprefix('validation ')} {text}", fontsize=8)
    for axes, variant in zip(grid[:, 0], kept["variant"].unique(), strict=True):
        axes.set_ylabel(textwrap.fill(f"{values} {variant}".strip(), LABEL_WIDTH), fontsize=8)
    return figure


def draw_snapshot(axes: Axes, snapshot: np.ndarray, examples: Split) -> None:
    """Draw a snapshot.

    Args:
        axes: Axes to draw on.
        snapshot: Predicted probabilities in the square from -1.2 to 1.2, uint8 [y, x], of which
            255 is 1; generated points [n, 2]; or generated images, uint8 [n, height, width(, 3)].
        examples: Training examples, drawn on probabilities and under generated points.
    """
    extent = (-SQUARE, SQUARE, -SQUARE, SQUARE)
    if snapshot.ndim == 2 and snapshot.shape[1] > 2:
        axes.imshow(snapshot, cmap="RdBu", vmin=-60, vmax=315, extent=extent)
        for label, color in ((0, CLASS_0), (1, CLASS_1)):
            points = examples.x[examples.y == label][:SHOWN_POINTS]
            axes.plot(*points.T, ".", color=color, markersize=1.5)
    elif snapshot.ndim == 2:
        axes.plot(*examples.x[:SHOWN_POINTS].T, ".", color=REFERENCE, markersize=1.5)
        axes.plot(*snapshot.astype(np.float32).T, ".", color=GENERATED, markersize=1.5)
        axes.set(xlim=extent[:2], ylim=extent[2:])
    else:
        images = dark_on_white(snapshot[:SHOWN_IMAGES])
        axes.imshow(image_grid(images, math.isqrt(len(images))), interpolation="nearest")


def draw_curves(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    """Draw the mean curve of each variant, and the range over seeds around it."""
    unit = "epoch" if "epoch" in table else "training_step"
    names = list(dict.fromkeys(table["variant"]))
    alpha = min(0.2, 1 / len(names))  # ranges overlap
    for color, name in zip(
        colormaps["viridis"](np.linspace(0, 0.92, len(names))), names, strict=True
    ):
        rows = table[(table["variant"] == name) & ~table["diverged"]]
        if rows.empty:
            axes.plot([], [], color=color, linestyle=":", label=f"{name} (diverged)")
            continue
        by_unit = rows.groupby(unit)[metric].agg(["mean", "min", "max"])
        axes.plot(by_unit.index, by_unit["mean"], color=color, label=name)
        mark_early_stops(axes, rows, unit, metric, color)
        axes.fill_between(by_unit.index, by_unit["min"], by_unit["max"], color=color, alpha=alpha)
    axes.set_xlabel(unit.replace("_", " "))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.dataLim.intervaly
    if low > 0 and high / low > LOG_RATIO:
        axes.set_yscale("log")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def mark_early_stops(axes: Axes, rows: pd.DataFrame, unit: str, metric: str, color: Any) -> None:
    """Mark the epochs whose weights were kept, where these are not the last ones."""
    last = rows.groupby("seed")[unit].transform("max")
    early = rows[rows["kept"] & (rows[unit] < last)]
    axes.plot(early[unit], early[metric], "v", color=color, markersize=5)


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
