"""Figures of the data reports."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from stages.data import Part
from stages.pictures import Cut, central_box, convert, cut_out

COLUMNS = 8  # of a sheet of pictures
CHARACTERS = 50  # that are shown


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


def cuts(images: list[Image.Image], cut: Cut) -> Figure:
    """Pictures as they are, upright, with the part that is kept, and below what becomes of it."""
    height, width, channels = cut.output_shape
    figure = Figure(figsize=(7, 2.2))
    figure.suptitle(
        f"Above the part of a picture that is kept, below what it becomes: {height}x{width} pixels"
    )
    grid = figure.subplots(2, len(images), squeeze=False)
    for (above, below), image in zip(grid.T, images, strict=True):
        for axes in (above, below):
            axes.axis("off")
        original = convert(image, channels)
        left, top, right, bottom = central_box(original.height, original.width, cut)
        above.imshow(original, cmap="gray", vmin=0, vmax=255)
        above.add_patch(
            Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color="red")
        )
        below.imshow(cut_out(image, cut), cmap="gray", vmin=0, vmax=255)
    return figure


def sizes(found: np.ndarray, cut: Cut) -> Figure:
    """How high and wide the pictures are. found: [n, 2] height and width in pixels."""
    figure = Figure(figsize=(6, 2.6))
    bins = np.linspace(0, 1.1 * found.max(), 61).tolist()
    both = figure.subplots(1, 2, sharey=True)
    for column, (axes, name) in enumerate(zip(both, ("height", "width"), strict=True)):
        needed = cut.output_shape[column]
        axes.hist(found[:, column], bins)
        axes.axvline(needed, color="black", linestyle="--", label=f"output_shape: {needed}")
        axes.set(xlabel=f"{name}, pixels")
        axes.legend()
    both[0].set_ylabel("pictures")
    return figure


def frequencies(y: np.ndarray, names: list[str]) -> Figure:
    """How often each character comes, the most frequent first. y: [n]."""
    counts = np.bincount(y, minlength=len(names))
    order = np.argsort(-counts, kind="stable")[:CHARACTERS]
    figure = Figure(figsize=(7, 2.8))
    axes = figure.subplots()
    axes.bar(range(len(order)), counts[order] / len(y))
    axes.set_xticks(range(len(order)), [names[index] for index in order], rotation=90, fontsize=7)
    axes.set(ylabel="share of characters", title="The most frequent characters")
    return figure


def followers(part: Part, names: list[str]) -> Figure:
    """Which character comes after which: what one character of context already tells."""
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (part.x, part.y), 1)
    often = np.argsort(-counts.sum(axis=1), kind="stable")[: CHARACTERS // 2]
    shares = counts[often] / np.maximum(counts[often].sum(axis=1, keepdims=True), 1)
    labels = [names[index] for index in often]
    figure = Figure(figsize=(4.6, 4.4))
    axes = figure.subplots()
    axes.imshow(shares[:, often], cmap="Blues", vmin=0)
    axes.grid(visible=False)
    axes.set_xticks(range(len(often)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(often)), labels, fontsize=7)
    axes.set(xlabel="next character", ylabel="character", title="What follows what")
    return figure


def picture(colours: np.ndarray) -> Figure:
    """The picture as the network will be shown it."""
    figure = Figure(figsize=(4, 4 * colours.shape[0] / colours.shape[1] + 0.3))
    axes = figure.subplots()
    axes.imshow(colours, interpolation="nearest")
    axes.set_title(f"{colours.shape[1]}x{colours.shape[0]} pixels")
    axes.axis("off")
    return figure
