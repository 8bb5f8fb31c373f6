"""Figures of a character-level language model."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from stages.plots.colors import REFERENCE, TEST
from stages.plots.history import Panel, plot_history

NATS = "nats per character"
PASSAGE_COLUMNS = 80
SYMBOLS = {"\n": "↵", "\t": "→"}
LIGHT_ABOVE = 4  # nats, above which a character is white


def learning_curves(history: pd.DataFrame, test_loss: float) -> Figure:
    """Draw the losses by epoch, and the test loss."""
    panel = Panel(NATS, ["loss"], reference=(test_loss, f"test set, {test_loss:.3f}"))
    return plot_history(history, [panel], "epoch")


def context_length(table: pd.DataFrame, baselines: Mapping[str, float]) -> Figure:
    """Draw the loss by context length.

    Args:
        table: Columns context and nats.
        baselines: Reference losses by name.
    """
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.plot(table["context"], table["nats"], ".-", color=TEST, label="model")
    for (name, nats), style in zip(baselines.items(), ("--", ":"), strict=True):
        axes.axhline(nats, linestyle=style, color=REFERENCE, label=f"{name}, {nats:.2f}")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set(xlabel="context, characters", ylabel=NATS)
    axes.legend()
    return figure


def character_types(table: pd.DataFrame) -> Figure:
    """Draw the loss by type of character: columns type, nats, characters."""
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(table)))
    axes = figure.subplots()
    labels = [f"{k} ({n:,})" for k, n in zip(table["type"], table["characters"], strict=True)]
    axes.barh(labels, table["nats"], color=TEST)
    axes.invert_yaxis()
    axes.set(xlabel=NATS)
    return figure


def word_positions(table: pd.DataFrame) -> Figure:
    """Draw the loss by position in the word: columns position, nats, characters."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.bar(table["position"], table["nats"], color=TEST)
    axes.set_xticks(table["position"])
    axes.set(xlabel="position in the word (0: outside words; 10: 10 or more)", ylabel=NATS)
    return figure


def token_nll(text: str, nll: np.ndarray) -> Figure:
    """Draw a passage, each character on the color of its nll; nll: [characters]."""
    rows = -(-len(text) // PASSAGE_COLUMNS)
    grid = np.full(rows * PASSAGE_COLUMNS, np.nan)
    grid[: len(text)] = nll
    figure = Figure(figsize=(7.5, 0.6 + 0.21 * rows))
    axes = figure.subplots()
    image = axes.imshow(
        grid.reshape(rows, PASSAGE_COLUMNS), cmap="YlOrRd", vmin=0, vmax=6, aspect="auto"
    )
    axes.axis("off")
    for index, character in enumerate(text):
        row, column = divmod(index, PASSAGE_COLUMNS)
        axes.text(
            column, row, SYMBOLS.get(character, character), ha="center", va="center", fontsize=7,
            family="monospace", color="white" if nll[index] > LIGHT_ABOVE else "black",
            parse_math=False,
        )  # fmt: skip
    figure.colorbar(image, ax=axes, label="nats", fraction=0.03, pad=0.01, extend="max")
    return figure
