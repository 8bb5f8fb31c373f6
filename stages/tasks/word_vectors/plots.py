"""Figures of word vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import COLOR_CYCLE, REFERENCE, TEST, VALIDATION
from stages.plots.history import Panel, plot_history

NATS = "loss, nats per pair"
LABEL_SIZE = 8


def learning_curves(history: pd.DataFrame, test_loss: float) -> Figure:
    """Draw the losses by epoch, and the test loss."""
    panel = Panel(NATS, ["loss"], reference=(test_loss, f"test set, {test_loss:.3f}"))
    return plot_history(history, [panel], "epoch")


def word_map(places: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw words at their place in the plane.

    Args:
        places: Records of word, group, x and y.
    """
    figure = Figure(figsize=(7, 5.2))
    axes = figure.subplots()
    groups = list(dict.fromkeys(place["group"] for place in places))
    colors = [*COLOR_CYCLE, REFERENCE]
    for group, color in zip(groups, colors, strict=False):
        members = [place for place in places if place["group"] == group]
        x, y = ([place[name] for place in members] for name in ("x", "y"))
        axes.plot(x, y, "o", markersize=4, color=color, label=group)
    for place, offset in zip(places, label_offsets(places), strict=True):
        axes.annotate(
            place["word"], (place["x"], place["y"]), (4, offset), textcoords="offset points",
            fontsize=LABEL_SIZE, va="center",
        )  # fmt: skip
    axes.margins(0.08)
    axes.set(xlabel="first principal component", ylabel="second principal component")
    if groups:
        axes.legend(ncols=len(groups), loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=7.5)
    return figure


def label_offsets(places: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return vertical offsets [n], in points, that move labels of close places apart.

    Labels are stacked from bottom to top, each at least a line above those below that it overlaps.
    """
    if not places:
        return np.zeros(0)
    xy = np.array([[place["x"], place["y"]] for place in places])
    span = np.maximum(np.ptp(xy, axis=0), 1e-9)
    points = xy / span * [400, 290]  # about the size of the axes in points
    offsets = np.zeros(len(places))
    done: list[int] = []
    for index in np.argsort(points[:, 1], kind="stable"):
        left, bottom = points[index]
        for other in done:
            beside = abs(points[other, 0] - left) < 45
            gap = bottom + offsets[index] - points[other, 1] - offsets[other]
            if beside and gap < LABEL_SIZE:
                offsets[index] += LABEL_SIZE - gap
        done.append(int(index))
    return offsets


def analogies(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the accuracy by category: records of category, questions, accuracy, accuracy_top_5."""
    figure = Figure(figsize=(6, 0.9 + 0.45 * max(len(records), 1)))
    axes = figure.subplots()
    rows = np.arange(len(records))
    for name, label, shift, color in (
        ("accuracy", "nearest word", -0.2, COLOR_CYCLE[0]),
        ("accuracy_top_5", "one of the five nearest", 0.2, COLOR_CYCLE[4]),
    ):
        axes.barh(
            rows + shift, [record[name] for record in records], 0.38, color=color, label=label
        )
    axes.set_yticks(rows, [f"{r['category']} ({r['questions']:,})" for r in records])
    axes.invert_yaxis()
    axes.set(xlabel="fraction of correct answers", xlim=(0, 1))
    axes.grid(visible=False, axis="y")
    axes.legend()
    return figure


def sentiment_words(records: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Figure:
    """Draw the words that change the predicted sentiment the most.

    Args:
        records: Records of word and logit, in ascending order.
        classes: Names of the classes.
    """
    figure = Figure(figsize=(6, 0.8 + 0.19 * len(records)))
    axes = figure.subplots()
    logits = [record["logit"] for record in records]
    colors = [TEST if logit > 0 else VALIDATION for logit in logits]
    axes.barh([record["word"] for record in records], logits, color=colors)
    axes.tick_params(axis="y", labelsize=LABEL_SIZE)
    axes.set(xlabel=f"effect on the logit: {classes[0]} (below 0) or {classes[1]} (above)")
    axes.grid(visible=False, axis="y")
    return figure
