"""Figures of a conditional VAE; images are grayscale, uint8 [n, height, width]."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import GENERATED, REFERENCE
from stages.plots.history import Panel
from stages.plots.images import dark_on_white, image_grid

PANELS = (
    Panel("total loss, nats per image", ["loss"]),
    Panel("reconstruction loss", ["reconstruction_loss"]),
    Panel("KL divergence", ["kl_loss"]),
    Panel("classifier's loss on samples", ["class_loss"]),
)


def class_samples(images: np.ndarray, classes: Sequence[str], accuracy: np.ndarray) -> Figure:
    """Draw samples of each class.

    Args:
        images: Images, uint8 [classes, n, height, width].
        classes: Names of the classes.
        accuracy: Accuracy of the evaluator on the samples of each class [classes].
    """
    labels = [f"{name}, {value:.0%}" for name, value in zip(classes, accuracy, strict=True)]
    return labeled_rows(images, labels)


def same_style(images: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the images of each latent vector, [n, classes, height, width], a column per vector."""
    return labeled_rows(images.swapaxes(0, 1), classes)


def labeled_rows(images: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw rows of images [rows, columns, height, width], each labeled on the left."""
    rows, columns, height, width = images.shape
    figure = Figure(figsize=(7, 0.2 + 5.2 * rows * height / columns / width))
    axes = figure.subplots()
    pixels = image_grid(dark_on_white(images.reshape(-1, height, width)), columns)
    axes.imshow(pixels, vmin=0, vmax=255)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks((np.arange(rows) + 0.5) * (height + 1) - 1, labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def class_accuracy(chart: pd.DataFrame) -> Figure:
    """Draw the accuracy on real and on generated images as bars.

    Args:
        chart: Columns class, images (real or generated), accuracy.
    """
    table = chart.pivot_table(index="class", columns="images", values="accuracy", sort=False)
    positions = np.arange(len(table))
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(table)))
    axes = figure.subplots()
    for offset, name, color in ((-0.2, "real", REFERENCE), (0.2, "generated", GENERATED)):
        bars = axes.barh(positions + offset, table[name], height=0.38, label=name, color=color)
        axes.bar_label(bars, fmt="{:.0%}", padding=3, fontsize=7)
    axes.set_yticks(positions, table.index)
    axes.invert_yaxis()
    axes.set(xlabel="accuracy of the evaluator", xlim=(0, 1.08))
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    return figure
