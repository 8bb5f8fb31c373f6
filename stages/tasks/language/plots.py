"""Figures of a language model: what it learned, and where it is surprised."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLUMNS = 80  # characters a line of the strip
MARKS = {"\n": "↵", "\t": "→"}


def curves(history: pd.DataFrame, test_loss: float) -> Figure:
    """Nats a character by epoch, of training, validation and, at the end, the test part."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.plot(history["epoch"], history["loss"], ".-", label="training, with dropout")
    axes.plot(history["epoch"], history["val_loss"], ".-", label="validation")
    axes.axhline(test_loss, color="gray", linestyle="--", label=f"held out, {test_loss:.3f}")
    axes.set(xlabel="epoch", ylabel="nats a character")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


def context(data: Mapping[str, Sequence[float]]) -> Figure:
    """Loss by how much was read before: how far back the network makes use of the text."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.plot(data["characters_read"], data["nats"], ".-")
    axes.set_xscale("log")
    axes.set(xlabel="characters read so far", ylabel="nats a character", title="Use of context")
    return figure


def kinds(data: Mapping[str, Sequence[float]]) -> Figure:
    """Loss by kind of the character to predict, with how many there are."""
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(data["kind"])))
    axes = figure.subplots()
    labels = [f"{k} ({n:,})" for k, n in zip(data["kind"], data["characters"], strict=True)]
    axes.barh(labels[::-1], data["nats"][::-1])
    axes.set(xlabel="nats a character", title="Which characters are hard")
    return figure


def word_positions(table: pd.DataFrame) -> Figure:
    """Loss by place in the word: once it has begun, it goes on as words do."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    axes.bar(table["position"], table["nats"])
    axes.set_xticks(table["position"])
    axes.set(xlabel="place of the character in its word; 0: between words")
    axes.set(ylabel="nats a character", title="Surprise within a word")
    return figure


def strip(text: str, nats: np.ndarray) -> Figure:
    """A passage, each character on the colour of its surprise. nats: [characters]."""
    rows = -(-len(text) // COLUMNS)
    grid = np.full(rows * COLUMNS, np.nan)
    grid[: len(text)] = nats
    figure = Figure(figsize=(7.5, 0.6 + 0.21 * rows))
    axes = figure.subplots()
    image = axes.imshow(grid.reshape(rows, COLUMNS), cmap="YlOrRd", vmin=0, vmax=6, aspect="auto")
    axes.axis("off")
    for index, character in enumerate(text):
        row, column = divmod(index, COLUMNS)
        shown = MARKS.get(character, character)
        color = "white" if nats[index] > 4 else "black"
        axes.text(
            column, row, shown, ha="center", va="center", fontsize=7, family="monospace",
            color=color, parse_math=False,
        )  # fmt: skip
    figure.colorbar(image, ax=axes, label="nats", fraction=0.03, pad=0.01, extend="max")
    return figure
