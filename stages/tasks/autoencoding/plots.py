"""Figures of an autoencoder."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.style import sheet

DPI = 100
TITLE = 28  # pixels above a sheet of pictures
LOSSES = {
    "loss": "total",
    "reconstruction_loss": "reconstruction",
    "kl_loss": "KL divergence",
}


def curves(history: pd.DataFrame) -> Figure:
    """The three losses by epoch, of training and of validation."""
    figure = Figure(figsize=(9, 2.8))
    for axes, (column, title) in zip(figure.subplots(1, 3), LOSSES.items(), strict=True):
        axes.plot(history["epoch"], history[column], ".-", label="training")
        axes.plot(history["epoch"], history[f"val_{column}"], ".-", label="validation")
        axes.set(xlabel="epoch", title=f"{title}, nats a picture")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    return figure


def pictures(drawn: np.ndarray, columns: int, title: str) -> Figure:
    """Pictures, uint8 [n, height, width], in rows of `columns`, pixel by pixel; 0 is white."""
    image = sheet(255 - drawn, columns)
    height, width = image.shape
    figure = Figure(figsize=(width / DPI, (height + TITLE) / DPI))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, height / (height + TITLE)))
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    axes.axis("off")
    axes.set_title(title)
    return figure


def latent(means: np.ndarray, y: np.ndarray, names: Sequence[str]) -> Figure:
    """The first two of latent means [n, units] by class, each class's name at its centre."""
    figure = Figure(figsize=(6.5, 5.5))
    axes = figure.subplots()
    # Few colours, and all of them in the palette of the file: no edges softened, nothing behind.
    axes.scatter(means[:, 0], means[:, 1], s=1, c=y, cmap="tab10", linewidths=0, antialiased=False)
    axes.grid(visible=False)
    box = {"facecolor": "white", "linewidth": 0, "pad": 1}
    for label, name in enumerate(names):
        x, height = means[y == label, :2].mean(axis=0)
        axes.text(x, height, name, ha="center", va="center", fontsize=8, bbox=box)
    axes.set(title=f"Latent means of all {len(means):,} pictures")
    return figure


def classes(drawn: np.ndarray, names: Sequence[str], shares: np.ndarray) -> Figure:
    """Pictures [classes, n, height, width], a row a class, its mean first; shares: recognised."""
    count, columns, height, width = drawn.shape
    figure = Figure(figsize=(6, 0.3 + 4.4 * count * height / columns / width))
    axes = figure.subplots()
    image = sheet(255 - drawn.reshape(-1, height, width), columns)
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.grid(visible=False)
    captions = [f"{name}, {share:.0%}" for name, share in zip(names, shares, strict=True)]
    axes.set_xticks([])
    axes.set_yticks((np.arange(count) + 0.5) * (height + 1) - 1, captions)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(title="A class's mean, then its samples; the share that a classifier recognises")
    return figure
