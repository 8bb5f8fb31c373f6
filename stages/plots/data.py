"""Figures of the data reports."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.data import Part

COLUMNS = 8  # of a sheet of pictures


def class_balance(parts: Mapping[str, Part], classes: Sequence[str]) -> Figure:
    """The share of each class in each part, as bars."""
    shares = pd.DataFrame(
        {
            name: np.bincount(part.y, minlength=len(classes)) / len(part.y)
            for name, part in parts.items()
        },
        index=pd.Index(classes),
    )
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    shares.plot.bar(ax=axes, rot=30 if len(classes) > 2 else 0, width=0.8)
    axes.set(ylabel="share of rows", title="Classes in each part")
    return figure


def samples(x: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> Figure:
    """The first pictures of each class, a row a class. x: [n, height, width]; y: [n]."""
    figure = Figure(figsize=(5, 0.62 * len(classes)))
    grid = figure.subplots(len(classes), COLUMNS, squeeze=False)
    for label, row in enumerate(grid):
        chosen = x[y == label][:COLUMNS]
        for axes in row:
            axes.axis("off")
        for axes, picture in zip(row, chosen, strict=False):
            axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
        row[0].text(-0.15, 0.5, classes[label], transform=row[0].transAxes, ha="right", va="center")
    return figure


def matrix(rows: np.ndarray) -> Figure:
    """What the network is given: one line a flattened picture. rows: [n, pixels]."""
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    axes.imshow(rows, cmap="gray_r", aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    axes.set(xlabel="pixel", ylabel="picture", title=f"The first {len(rows)} pictures, flattened")
    return figure


def missing(shares: pd.DataFrame) -> Figure:
    """The share of missing values, a row a column of the data, a bar a class."""
    figure = Figure(figsize=(6, 1 + 0.32 * len(shares)))
    axes = figure.subplots()
    shares[::-1].plot.barh(ax=axes, width=0.8)
    axes.set(xlabel="share missing", ylabel="", title="Missing values by class")
    return figure


def mean_by_class(values: pd.DataFrame, y: np.ndarray, classes: Sequence[str]) -> Figure:
    """The mean of each column for each class. values: [n, columns], NaN left out; y: [n]."""
    means = pd.DataFrame({name: values[y == label].mean() for label, name in enumerate(classes)})
    figure = Figure(figsize=(6, 1 + 0.32 * len(means)))
    axes = figure.subplots()
    means[::-1].plot.barh(ax=axes, width=0.8)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="mean vote, -1 nay to 1 yea", title="How each class votes")
    return figure


def histogram_by_class(
    values: np.ndarray,
    y: np.ndarray,
    classes: Sequence[str],
    label: str,
    limit: float | None = None,
) -> Figure:
    """Histograms over each other, a class a colour; a line where values are cut at `limit`."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    known = ~np.isnan(values.astype(float))
    bins = np.linspace(values[known].min(), np.quantile(values[known], 0.995), 50).tolist()
    for index, name in enumerate(classes):
        axes.hist(values[known & (y == index)], bins, alpha=0.6, label=name)
    if limit is not None:
        axes.axvline(limit, color="black", linestyle="--", label=f"cut at {limit}")
    axes.set(xlabel=label, ylabel="rows")
    axes.legend()
    return figure
