"""Figures of generated pictures."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.style import sheet


def show(axes: Axes, pictures: np.ndarray, columns: int, title: str) -> None:
    """Pictures uint8 [n, height, width(, 3)] in rows of `columns`."""
    axes.imshow(sheet(pictures, columns), cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)


def samples(pictures: np.ndarray, real: np.ndarray) -> Figure:
    """Generated pictures beside real ones, each [n, height, width(, 3)], in nine columns."""
    figure = Figure(figsize=(7, 3.7))
    for axes, each, title in zip(
        figure.subplots(1, 2), (pictures, real), ("generated", "real"), strict=True
    ):
        show(axes, each, 9, title)
    return figure


def curves(history: pd.DataFrame) -> Figure:
    """The losses of both networks, and how often the discriminator is right, by epoch."""
    figure = Figure(figsize=(7, 2.8))
    losses, accuracy = figure.subplots(1, 2)
    for name in ("generator_loss", "discriminator_loss"):
        losses.plot(history["epoch"], history[name], ".-", label=name.removesuffix("_loss"))
    losses.set(xlabel="epoch", title="loss")
    losses.legend()
    accuracy.plot(history["epoch"], history["discriminator_accuracy"], ".-")
    accuracy.axhline(0.5, color="gray", linestyle="--", label="guessing")
    accuracy.set(xlabel="epoch", title="discriminator's accuracy")
    accuracy.legend()
    return figure


def shares(chart: pd.DataFrame) -> Figure:
    """The share of each value among real and generated pictures; columns value, pictures, share."""
    figure = Figure(figsize=(7, 2.8))
    axes = figure.subplots()
    table = chart.pivot_table(index="value", columns="pictures", values="share", sort=False)
    table.plot.bar(ax=axes, width=0.8, rot=30, xlabel="", ylabel="share")
    return figure


def interpolation(pictures: np.ndarray) -> Figure:
    """Rows of pictures [rows, steps, height, width(, 3)] from one noise to another."""
    rows, steps = pictures.shape[:2]
    figure = Figure(figsize=(7, 0.4 + 7 * rows / steps))
    show(figure.subplots(), pictures.reshape(-1, *pictures.shape[2:]), steps, "from noise to noise")
    return figure


def arithmetic(pictures: np.ndarray, titles: Sequence[str]) -> Figure:
    """Pictures [4 n, height, width(, 3)]: four in a row are first - second + third = fourth."""
    rows = len(pictures) // 4
    figure = Figure(figsize=(5, 1.5 * rows))
    for axes, picture, title in zip(
        figure.subplots(rows, 4).ravel(), pictures, titles, strict=True
    ):
        show(axes, picture[None], 1, title)
    return figure


def neighbours(generated: np.ndarray, nearest: np.ndarray) -> Figure:
    """Generated pictures [n, height, width(, 3)] above the training picture nearest to each."""
    figure = Figure(figsize=(7, 0.4 + 14 / len(generated)))
    title = "generated, and below each the nearest training picture"
    show(figure.subplots(), np.concatenate([generated, nearest]), len(generated), title)
    return figure
