"""Figures of generated images, each uint8 [n, height, width] or [n, height, width, 3]."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import GENERATED, REFERENCE
from stages.plots.history import Panel
from stages.plots.images import show_images

PANELS = (
    Panel(
        "loss (cross-entropy, nats)",
        ["generator_loss", "discriminator_loss"],
        labels=["generator", "discriminator"],
    ),
    Panel(
        "discriminator accuracy",
        ["discriminator_accuracy"],
        labels=["training batches"],
        reference=(0.5, "chance"),
    ),
)
GRID_COLUMNS = 9


def samples(generated: np.ndarray, real: np.ndarray) -> Figure:
    """Draw generated next to real images."""
    figure = Figure(figsize=(7, 3.7))
    left, right = figure.subplots(1, 2)
    show_images(left, generated, GRID_COLUMNS, "generated")
    show_images(right, real, GRID_COLUMNS, "real (test set)")
    return figure


def distribution(chart: pd.DataFrame, label: str) -> Figure:
    """Draw two distributions as horizontal bars.

    Args:
        chart: Columns value, images (real or generated), fraction.
        label: Axis label of the values.
    """
    table = chart.pivot_table(index="value", columns="images", values="fraction", sort=False)
    positions = np.arange(len(table))
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(table)))
    axes = figure.subplots()
    for offset, name, color in ((-0.2, "real", REFERENCE), (0.2, "generated", GENERATED)):
        axes.barh(positions + offset, table[name], height=0.38, label=name, color=color)
    axes.set_yticks(positions, table.index)
    axes.invert_yaxis()
    axes.set(xlabel="fraction", ylabel=label)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def interpolation(images: np.ndarray) -> Figure:
    """Draw rows of images [rows, steps, height, width(, 3)]."""
    rows, steps = images.shape[:2]
    figure = Figure(figsize=(7, 0.4 + 7 * rows / steps))
    title = "each row: from one noise vector to another"
    show_images(figure.subplots(), images.reshape(-1, *images.shape[2:]), steps, title)
    return figure


def vector_arithmetic(images: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw rows of four images with their titles: first - second + third = fourth."""
    rows = len(images) // 4
    figure = Figure(figsize=(5, 1.5 * rows))
    for axes, image, title in zip(figure.subplots(rows, 4).flat, images, titles, strict=True):
        show_images(axes, image[None], 1, title)
    return figure


def nearest_training_images(generated: np.ndarray, nearest: np.ndarray) -> Figure:
    """Draw generated images above the training image nearest to each."""
    figure = Figure(figsize=(7, 0.4 + 14 / len(generated)))
    title = "top: generated; bottom: nearest training image"
    show_images(figure.subplots(), np.concatenate([generated, nearest]), len(generated), title)
    return figure
