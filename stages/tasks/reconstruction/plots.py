"""Figures of an autoencoder."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import COLOR_CYCLE, GENERATED, REFERENCE, TEST
from stages.plots.history import Panel
from stages.plots.images import dark_on_white, image_grid

PANELS = (Panel("mean squared error (white is 1)", ["loss"], log=True),)
FRAME = 2  # pixels around an image
FRAME_COLOR = np.array([int(GENERATED[k : k + 2], 16) for k in (1, 3, 5)], np.uint8)
NUM_BINS = 60  # of reconstruction errors


def labeled_rows(rows: Mapping[str, np.ndarray]) -> Figure:
    """Draw rows of grayscale images, uint8 [columns, height, width], by their labels."""
    images = np.stack(list(rows.values()))
    return draw_rows(dark_on_white(images.reshape(-1, *images.shape[2:])), len(rows), list(rows))


def draw_rows(images: np.ndarray, num_rows: int, labels: Sequence[str]) -> Figure:
    """Draw images as they are, uint8 [n, height, width(, 3)], in rows labeled on the left."""
    columns, (height, width) = len(images) // num_rows, images.shape[1:3]
    figure = Figure(figsize=(7, 0.2 + 5.6 * num_rows * height / columns / width))
    axes = figure.subplots()
    axes.imshow(image_grid(images, columns), vmin=0, vmax=255)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks((np.arange(num_rows) + 0.5) * (height + 1) - 1, labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def search(
    queries: np.ndarray, found: np.ndarray, same_class: np.ndarray, labels: Sequence[str]
) -> Figure:
    """Draw each query and its neighbors, those of another class in a frame.

    Args:
        queries: Images, uint8 [rows, height, width].
        found: Neighbors, uint8 [rows, n, height, width].
        same_class: Whether a neighbor has the class of the query, bool [rows, n].
        labels: Label of each row.
    """
    rows = len(queries)
    gap = np.zeros((rows, 1, *queries.shape[1:]), np.uint8)
    images = np.concatenate([queries[:, None], gap, found], axis=1)
    framed = np.concatenate([np.zeros((rows, 2), bool), ~same_class], axis=1).ravel()
    pixels = dark_on_white(images.reshape(-1, *queries.shape[1:]))
    colored = np.repeat(pixels[..., None], 3, axis=3)
    colored = np.pad(colored, [(0, 0), (FRAME, FRAME), (FRAME, FRAME), (0, 0)], constant_values=255)
    inner = np.zeros(colored.shape[1:3], bool)
    inner[FRAME:-FRAME, FRAME:-FRAME] = True
    colored[framed] = np.where(inner[..., None], colored[framed], FRAME_COLOR)
    return draw_rows(colored, rows, labels)


def representations(chart: pd.DataFrame) -> Figure:
    """Draw the scores of each representation as bars.

    Args:
        chart: Columns representation, measure, value.
    """
    table = chart.pivot_table(index="measure", columns="representation", values="value", sort=False)
    figure = Figure(figsize=(6.5, 3))
    axes = figure.subplots()
    height = 0.8 / len(table.columns)
    for number, (name, color) in enumerate(zip(table, COLOR_CYCLE, strict=False)):
        positions = np.arange(len(table)) + (number + 0.5) * height - 0.4
        bars = axes.barh(positions, table[name], 0.92 * height, label=name, color=color)
        axes.bar_label(bars, fmt="{:.1%}", padding=3, fontsize=8)
    axes.set_yticks(np.arange(len(table)), table.index)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="fraction")
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def clusters(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the fraction of each class in each cluster.

    Args:
        counts: Number of images of each class in each cluster [classes, clusters].
        classes: Names of the classes.
    """
    fractions = counts / counts.sum(axis=1, keepdims=True)
    figure = Figure(figsize=(5.6, 4.6))
    axes = figure.subplots()
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    for (row, column), fraction in np.ndenumerate(fractions):
        if fraction >= 0.005:
            color = "white" if fraction > 0.5 else "black"
            text = f"{fraction:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
    axes.set_xticks(range(len(classes)), [str(number + 1) for number in range(len(classes))])
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="cluster, assigned to the class in the same place", ylabel="class")
    axes.grid(visible=False)
    return figure


def roc_curve(curve: Mapping[str, Sequence[float]], roc_auc: float) -> Figure:
    """Draw a ROC curve: false_positive_rate, true_positive_rate."""
    figure = Figure(figsize=(4, 3.6))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", color=REFERENCE, label="chance")
    axes.plot(curve["false_positive_rate"], curve["true_positive_rate"], label=f"AUC {roc_auc:.4f}")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    axes.legend(loc="lower right")
    return figure


def error_distribution(errors: Mapping[str, np.ndarray]) -> Figure:
    """Draw a histogram of the reconstruction errors [n] of each dataset, on a logarithmic axis."""
    everything = np.concatenate(list(errors.values()))
    edges = np.geomspace(everything.min(), everything.max(), NUM_BINS + 1)
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for (name, values), color in zip(errors.items(), (TEST, GENERATED), strict=True):
        axes.hist(values, edges.tolist(), label=name, color=color, alpha=0.6)
    axes.set_xscale("log")
    axes.set(xlabel="mean squared error of an image (white is 1)", ylabel="test images")
    axes.legend()
    return figure
