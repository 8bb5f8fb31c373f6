"""Figures of a classifier: its curves, errors, calibration and worst mistakes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure


def curves(history: pd.DataFrame) -> Figure:
    """Loss and accuracy by epoch, of training and of validation."""
    figure = Figure(figsize=(7, 2.8))
    for axes, measure in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(history["epoch"], history[measure], ".-", label="training")
        axes.plot(history["epoch"], history[f"val_{measure}"], ".-", label="validation")
        axes.set(xlabel="epoch", title=measure)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return figure


def confusion(records: Sequence[Mapping[str, Any]]) -> Figure:
    """The confusion matrix, coloured by the share of the actual class, its counts written in."""
    counts = pd.DataFrame(records).pivot_table(
        index="actual", columns="predicted", values="count", sort=False
    )
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    side = 1.6 + 0.36 * len(counts)
    figure = Figure(figsize=(side + 0.6, side))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set_xticks(range(len(counts)), counts.columns, rotation=45, ha="right")
    axes.set_yticks(range(len(counts)), counts.index)
    axes.set(xlabel="predicted", ylabel="actual")
    for (row, column), count in np.ndenumerate(counts.to_numpy(int)):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, count or "", ha="center", va="center", color=color, fontsize=7)
    return figure


def calibration(data: Mapping[str, Any]) -> Figure:
    """Accuracy by confidence; on the diagonal the model knows how sure to be."""
    figure = Figure(figsize=(3.4, 3))
    axes = figure.subplots()
    low = min(*data["confidence"], *data["accuracy"])
    axes.plot([low, 1], [low, 1], "--", color="gray", label="perfect")
    axes.plot(data["confidence"], data["accuracy"], "o-", label="model")
    axes.set(xlabel="probability given", ylabel="share right", title="Calibration")
    axes.legend()
    return figure


def binary_curves(data: Mapping[str, Any]) -> Figure:
    """ROC, precision-recall, and both errors by threshold."""
    figure = Figure(figsize=(9.5, 3))
    roc, precision_recall, errors = figure.subplots(1, 3)
    roc.plot([0, 1], [0, 1], "--", color="gray")
    roc.plot(data["roc"]["false_positive_rate"], data["roc"]["true_positive_rate"])
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title=f"ROC, {data['rows']}")
    curve = data["precision_recall"]
    precision_recall.plot(curve["recall"], curve["precision"])
    precision_recall.set(xlabel="recall", ylabel="precision", title="Precision and recall")
    for kind in ("false_positive_rate", "false_negative_rate"):
        errors.plot(
            data["thresholds"]["threshold"], data["thresholds"][kind], label=kind.replace("_", " ")
        )
    errors.set(
        xlabel=f"threshold for {data['positive']!r}", title="Which error, at which threshold"
    )
    errors.legend()
    return figure


def mistakes(pictures: np.ndarray, described: Sequence[Mapping[str, Any]]) -> Figure:
    """Pictures [n, height, width], five a row, with what they are and what they were taken for."""
    rows = max(math.ceil(len(pictures) / 5), 1)
    figure = Figure(figsize=(7, 1.75 * rows))
    grid = figure.subplots(rows, 5, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, mistake in zip(grid.flat, pictures, described, strict=False):
        axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
        caption = "{actual} taken for\n{predicted}, {probability:.3f}".format(**mistake)
        axes.set_title(caption, fontsize=7)
    return figure
