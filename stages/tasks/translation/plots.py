"""Figures of a network that translates texts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import TEST
from stages.plots.history import Panel, plot_history

COLUMNS = 2  # of attention matrices
CELL = 0.145  # of an attention matrix, in inches


class Alignment(NamedTuple):
    """Attention of one example.

    Attributes:
        text: Input.
        tokens: Output before END; may be empty.
        weights: Weights, float [at least the tokens, at least the characters of the input].
    """

    text: str
    tokens: list[str]
    weights: np.ndarray


def learning_curves(history: pd.DataFrame) -> Figure:
    """Draw cross-entropy and accuracy per character of training and validation."""
    panels = [
        Panel("cross-entropy, nats", ["loss"], log=True),
        Panel("accuracy per character", ["accuracy"]),
    ]
    return plot_history(history, panels, "epoch")


def accuracy_by_format(table: pd.DataFrame) -> Figure:
    """Draw the exact-match accuracy of each format: columns format, accuracy, examples, wrong."""
    figure = Figure(figsize=(7, 0.9 + 0.26 * len(table)))
    axes = figure.subplots()
    bars = axes.barh(table["format"], table["accuracy"], color=TEST)
    labels = [f"{n} of {of} wrong" for n, of in zip(table["wrong"], table["examples"], strict=True)]
    axes.bar_label(bars, labels, padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="exact-match accuracy", xlim=(0, 1.2))
    axes.set_xticks(np.linspace(0, 1, 6))
    return figure


def attention(alignments: Sequence[Alignment]) -> Figure:
    """Draw attention matrices, the input from left to right and the output from top to bottom."""
    rows = -(-len(alignments) // COLUMNS)
    width = max(len(alignment.text) for alignment in alignments)
    height = max(len(alignment.tokens) for alignment in alignments)
    size = (CELL * COLUMNS * width + 0.9, rows * (CELL * max(height, 1) + 0.45))
    figure = Figure(figsize=size)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (text, tokens, weights) in zip(grid.flat, alignments, strict=False):
        if not tokens:
            continue
        axes.axis("on")
        matrix = weights[: len(tokens), : len(text)]
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        axes.set_xticks(range(len(text)), list(text), fontsize=7)
        axes.set_yticks(range(len(tokens)), tokens, fontsize=7)
        axes.xaxis.tick_top()
        axes.tick_params(length=0, pad=1)
        axes.grid(visible=False)
        axes.set_anchor("W")
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            label.set(family="monospace", parse_math=False)
    return figure
