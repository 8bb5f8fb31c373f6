"""Figures of a classifier."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import REFERENCE
from stages.plots.history import Panel

PANELS = (
    Panel("loss (cross-entropy, nats)", ["loss"], log=True),
    Panel("accuracy", ["accuracy"]),
)
IMAGES_PER_ROW = 5


def confusion_matrix(records: Sequence[Mapping[str, Any]], source: str) -> Figure:
    """Draw a confusion matrix: errors colored by their fraction of the actual class, and recall.

    Args:
        records: Records of actual, predicted, count; see `confusion_records`.
        source: Source of the predictions, for the title.
    """
    counts = pd.DataFrame(records).pivot_table(
        index="actual", columns="predicted", values="count", sort=False
    )
    values = counts.to_numpy(int)
    fractions = values / values.sum(axis=1, keepdims=True).clip(min=1)
    recall = fractions.diagonal()
    errors = fractions.copy()
    np.fill_diagonal(errors, np.nan)
    side = 2.0 + 0.38 * len(counts)
    figure = Figure(figsize=(side + 0.9, side))
    axes = figure.subplots()
    axes.set_facecolor("#e8e8e8")  # the diagonal
    highest = max(np.nanmax(errors), 1e-9)
    axes.imshow(errors, cmap="Oranges", vmin=0, vmax=highest)
    axes.grid(visible=False)
    axes.set_xticks(range(len(counts)), counts.columns, rotation=45, ha="right")
    axes.set_yticks(range(len(counts)), counts.index)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.set_title(f"{source} (n = {values.sum():,})")
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(counts)), [f"{value:.1%}" for value in recall])
    right.set_ylabel("recall")
    for (row, column), count in np.ndenumerate(values):
        color = "white" if row != column and errors[row, column] > 0.6 * highest else "black"
        axes.text(column, row, count or "", ha="center", va="center", color=color, fontsize=7)
    return figure


def reliability_diagram(calibration: Mapping[str, Any]) -> Figure:
    """Draw accuracy by confidence with its intervals, and the number of examples per bin."""
    bins = pd.DataFrame(calibration["bins"])
    figure = Figure(figsize=(3.4, 4))
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    axes.plot([0, 1], [0, 1], "--", color=REFERENCE, label="perfectly calibrated")
    below = bins["accuracy"] - bins["low"]
    above = bins["high"] - bins["accuracy"]
    axes.errorbar(
        bins["confidence"], bins["accuracy"], yerr=np.stack([below, above]).clip(min=0),
        fmt="o-", capsize=2, label="model",
    )  # fmt: skip
    error = calibration["expected_calibration_error"]
    axes.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    axes.set_title(f"expected calibration error {error:.4f}")
    axes.legend(loc="lower right")
    counts.bar(bins["confidence"], bins["examples"], width=0.04)
    counts.set(xlabel="confidence", ylabel="examples", yscale="log", ylim=(0.8, None))
    return figure


def roc_precision_recall(curves: Mapping[str, Any], source: str) -> Figure:
    """Draw the ROC and the precision-recall curve.

    Args:
        curves: Curves; see `binary_curves`.
        source: Source of the predictions, for the title.
    """
    figure = Figure(figsize=(7, 3.3))
    roc, precision_recall = figure.subplots(1, 2)
    roc.plot(curves["roc"]["false_positive_rate"], curves["roc"]["true_positive_rate"])
    roc.plot([0, 1], [0, 1], "--", color=REFERENCE)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    roc.set_title(f"ROC, {source}: AUC {curves['roc_auc']:.3f}")
    points = curves["precision_recall"]
    precision_recall.plot(points["recall"], points["precision"])
    precision_recall.axhline(curves["prevalence"], linestyle="--", color=REFERENCE)
    precision_recall.set(xlabel="recall", ylabel="precision", ylim=(0, 1.02), aspect="equal")
    precision_recall.set_title(f"precision-recall: AP {curves['average_precision']:.3f}")
    return figure


def error_rates(
    curves: Mapping[str, Any], points: Sequence[Mapping[str, Any]], positive: str
) -> Figure:
    """Draw both error rates by threshold, with the operating points.

    Args:
        curves: Curves; see `binary_curves`.
        points: Operating points; see `operating_points`.
        positive: Name of the positive class.
    """
    figure = Figure(figsize=(4.5, 3))
    axes = figure.subplots()
    rates, marked = curves["error_rates"], pd.DataFrame(points)
    for name in ("false_positive_rate", "false_negative_rate"):
        (line,) = axes.plot(rates["threshold"], rates[name], label=name.replace("_", " "))
        axes.plot(marked["threshold"], marked[name], "o", color=line.get_color(), markersize=4)
    axes.set(xlabel=f"decision threshold on P({positive})", ylabel="error rate")
    axes.legend()
    return figure


def most_confident_errors(images: np.ndarray, errors: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw misclassified images.

    Args:
        images: Images, uint8 [n, height, width] or [n, height, width, 3].
        errors: Record of each image: actual, predicted, probability.
    """
    rows = max(math.ceil(len(images) / IMAGES_PER_ROW), 1)
    figure = Figure(figsize=(7, 1.75 * rows))
    grid = figure.subplots(rows, IMAGES_PER_ROW, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, error in zip(grid.flat, images, errors, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        title = "true {actual}, predicted\n{predicted} (p {probability:.3f})".format(**error)
        axes.set_title(title, fontsize=7)
    return figure
