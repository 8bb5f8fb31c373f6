"""Figures of a network that captions images."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import GENERATED, REFERENCE, TEST
from stages.plots.history import Panel, plot_history
from stages.plots.images import dark_on_white

COLUMNS = 3
ROW = 1.5  # height of an image and up to four lines below it, in inches
LINE = 34  # characters of a caption per line


def learning_curves(history: pd.DataFrame) -> Figure:
    """Draw cross-entropy and accuracy per word of training and validation."""
    panels = [
        Panel("cross-entropy, nats", ["loss"], log=True),
        Panel("accuracy per word", ["accuracy"]),
    ]
    return plot_history(history, panels, "epoch")


def captioned(images: np.ndarray, examples: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw images with their captions below them.

    Args:
        images: Images, uint8 [n, height, width].
        examples: `predicted`, `expected` and `right` of each image.
    """
    rows = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(8.4, ROW * rows))
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
        axes.set_anchor("N")
    for axes, image, example in zip(grid.flat, dark_on_white(images), examples, strict=False):
        axes.imshow(image, vmin=0, vmax=255)
        text = textwrap.fill(example["predicted"], LINE)
        color = "black"
        if not example["right"]:
            color = GENERATED
            write(axes, textwrap.fill(example["expected"], LINE), -0.08 - 0.24 * lines(text))
        write(axes, text, -0.08, color)
    return figure


def lines(text: str) -> int:
    """Count the lines of a text."""
    return text.count("\n") + 1


def write(axes: Axes, text: str, y: float, color: str = "black") -> None:
    """Write a text below an image, its top at `y` in units of the image's height."""
    axes.text(
        0.5, y, text, ha="center", va="top", fontsize=8, color=color, transform=axes.transAxes
    )  # fmt: skip


def attention(
    images: np.ndarray, weights: Sequence[np.ndarray], words: Sequence[Sequence[str]]
) -> Figure:
    """Draw, below each image, the attention over its columns of each word.

    Args:
        images: Images, uint8 [n, height, width].
        weights: Attention weights of each image [words, positions].
        words: Words of each image, END included.
    """
    longest = max(len(matrix) for matrix in weights)
    figure = Figure(figsize=(2.9 * len(images), 0.9 + 0.22 * longest))
    grid = figure.subplots(2, len(images), squeeze=False, height_ratios=[3, longest])
    for column, (image, matrix, row) in enumerate(
        zip(dark_on_white(images), weights, words, strict=True)
    ):
        top, bottom = grid[:, column]
        top.imshow(image, vmin=0, vmax=255, aspect="auto")
        top.axis("off")
        padded = np.full((longest, matrix.shape[1]), np.nan)
        padded[: len(matrix)] = matrix
        bottom.imshow(padded, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        bottom.set_yticks(range(len(row)), row, fontsize=8)
        bottom.set_xticks([])
        bottom.tick_params(length=0)
        bottom.grid(visible=False)
        for side in ("left", "bottom"):
            bottom.spines[side].set_visible(False)
    return figure


def accuracy_by_length(table: pd.DataFrame) -> Figure:
    """Draw the exact-match accuracy by number of digits: columns digits, accuracy, examples."""
    figure = Figure(figsize=(4.5, 2.8))
    axes = figure.subplots()
    digits, accuracy = table["digits"], table["accuracy"]
    axes.plot(digits, accuracy, "o-", color=TEST, label="test captions")
    expected = accuracy.iloc[0] ** (digits / digits.iloc[0])
    axes.plot(digits, expected, "--", color=REFERENCE, label="independent digits")
    axes.set_xticks(digits)
    axes.set(xlabel="digits", ylabel="exact-match accuracy")
    axes.legend()
    return figure
