"""Figures that explain answers of networks: layers, kernels, weights, attributions, words, columns.

In all of them orange is for the answer and blue against it, or orange positive and blue negative.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from stages.plots.colors import TRAINING, VALIDATION
from stages.plots.images import image_grid

FOR, AGAINST = VALIDATION, TRAINING
DIVERGING = LinearSegmentedColormap.from_list("against_for", [AGAINST, "#ffffff", FOR])
HEAT = LinearSegmentedColormap.from_list("heat", ["#d5510000", "#d55100ff"])
MAPS_PER_ROW = 16
MAX_LAYERS = 13
MAX_WORDS = 15
STRONGEST = 0.98  # quantile of the weights from which on the color is full


class Layer(NamedTuple):
    """The output of a layer: its label, and feature maps float32 [height, width, channels]."""

    label: str
    values: np.ndarray


class Attribution(NamedTuple):
    """What made the answer for an image.

    Attributes:
        title: The answer and its probability.
        image: Image, uint8 [height, width].
        heat: Grad-CAM, at least 0, [height, width] of the feature maps; None without convolutions.
        gradients: Integrated gradients [height, width].
        occlusion: Decrease of the score when the pixel is covered, [height, width].
    """

    title: str
    image: np.ndarray
    heat: np.ndarray | None
    gradients: np.ndarray
    occlusion: np.ndarray


def plot_layers(image: np.ndarray, layers: Sequence[Layer], p: np.ndarray, names: Any) -> Figure:
    """Draw an image, feature maps of the layers that it passes, and the probabilities.

    Args:
        image: Image, uint8 [height, width].
        layers: Layers in order; of many, MAX_LAYERS evenly chosen ones are drawn.
        p: Class probabilities [classes].
        names: Names of the classes.
    """
    chosen = np.unique(np.linspace(0, len(layers) - 1, MAX_LAYERS).round().astype(int))
    figure = Figure(figsize=(9, 0.55 * len(chosen) + 2.3))
    rows = figure.subplots(len(chosen) + 2, 1, height_ratios=[1.5, *[1] * len(chosen), 1.6])
    rows[0].imshow(image, cmap="gray_r", vmin=0, vmax=255)
    rows[0].set_anchor("W")
    label(rows[0], "input")
    for axes, number in zip(rows[1:-1], chosen, strict=True):
        layer = layers[number]
        maps = np.moveaxis(layer.values[..., :MAPS_PER_ROW], -1, 0)
        grid = image_grid(254 - stretch(maps), MAPS_PER_ROW)
        axes.imshow(grid, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set_anchor("W")
        label(axes, layer.label)
    draw_probabilities(rows[-1], p, names)
    return figure


def stretch(maps: np.ndarray) -> np.ndarray:
    """Stretch the values of a layer, float [n, height, width], to 0 to 254, uint8; 0 if equal."""
    low, high = maps.min(), maps.max()
    scaled = (maps - low) / max(high - low, 1e-12)
    return (254 * scaled).round().astype(np.uint8)


def label(axes: Axes, text: str) -> None:
    """Write the name of a row to its left, and hide the axes."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#c8ced5", linewidth=0.6)
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)


def draw_probabilities(axes: Axes, p: np.ndarray, names: Sequence[str]) -> None:
    """Draw the probability of each class as a bar."""
    colors = [FOR if each == p.max() else "#b5bcc4" for each in p]
    axes.bar(range(len(p)), p, color=colors, width=0.6)
    axes.set_xticks(range(len(p)), names, fontsize=8)
    axes.set(ylim=(0, 1.02), yticks=[0, 1])
    axes.set_ylabel("probability", rotation=0, ha="right", va="center", fontsize=8)


def plot_weights(images: np.ndarray, titles: Sequence[str] = (), columns: int = 5) -> Figure:
    """Draw weights as images, positive ones orange and negative ones blue.

    Args:
        images: Weights [n, height, width], drawn with the same scale.
        titles: A title for each, or none.
        columns: Images per row.
    """
    rows = -(-len(images) // columns)
    side = 7.5 / columns
    figure = Figure(figsize=(7.5, rows * (side + (0.22 if titles else 0.0))))
    most = np.quantile(np.abs(images), STRONGEST)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, (axes, weights) in enumerate(zip(grid.flat, images, strict=False)):
        axes.imshow(weights, cmap=DIVERGING, vmin=-most, vmax=most, interpolation="nearest")
        if titles:
            axes.set_title(titles[number], fontsize=9)
    return figure


def plot_attributions(rows: Sequence[Attribution]) -> Figure:
    """Draw images and which parts of them made the answer, by three methods."""
    has_heat = rows[0].heat is not None
    titles = ["", *(["Grad-CAM"] if has_heat else []), "integrated gradients", "occlusion"]
    figure = Figure(figsize=(2 * len(titles), 2.05 * len(rows) + 0.1))
    grid = figure.subplots(len(rows), len(titles), squeeze=False)
    for cells, row in zip(grid, rows, strict=True):
        for axes, title in zip(cells, titles, strict=True):
            axes.set_axis_off()
            axes.set_title(title, fontsize=9)
        first, *rest = cells
        first.imshow(row.image, cmap="gray_r", vmin=0, vmax=255)
        first.set_title(row.title, fontsize=9)
        if row.heat is not None:
            draw_heat(rest[0], row.image, row.heat)
        for axes, values in zip(rest[-2:], (row.gradients, row.occlusion), strict=True):
            most = max(np.abs(values).max(), 1e-12)
            axes.imshow(values, cmap=DIVERGING, vmin=-most, vmax=most)
    return figure


def draw_heat(axes: Axes, image: np.ndarray, heat: np.ndarray) -> None:
    """Draw a coarse heat map, smoothed, over a pale image."""
    height, width = image.shape
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=400)
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    axes.imshow(
        heat, cmap=HEAT, vmin=0, vmax=max(heat.max(), 1e-12), extent=extent,
        interpolation="bilinear", alpha=0.75,
    )  # fmt: skip


def plot_shares(
    columns: Sequence[str], shares: np.ndarray, mean: float, probability: float, answer: str
) -> Figure:
    """Draw what each column of a table adds to a probability, the largest share first.

    Args:
        columns: Names and values of the columns.
        shares: Shapley values [columns].
        mean: Mean probability of the background examples, without knowledge of any column.
        probability: Probability with all columns.
        answer: The class.
    """
    figure = plot_bars(columns, 100 * shares, 1, 1)
    (axes,) = figure.axes
    axes.set_xlabel(f"percentage points of the probability of {answer}")
    axes.set_title(f"{answer}: {mean:.0%} on average, {probability:.0%} for this row")
    return figure


def plot_words(
    words: Sequence[str], effects: np.ndarray, probability: float, answer: str
) -> Figure:
    """Draw what the strongest words of a text do to the log-odds of the answer.

    Args:
        words: Words of the text.
        effects: Decrease of the log-odds without the word, [words].
        probability: Probability of the answer.
        answer: The class.
    """
    strongest = np.argsort(-np.abs(effects), kind="stable")[:MAX_WORDS]
    figure = plot_bars([words[number] for number in strongest], effects[strongest], 2, 0.05)
    (axes,) = figure.axes
    axes.set_xlabel(f"log-odds of {answer}")
    axes.set_title(f"{answer}: {probability:.0%} for this text")
    return figure


def plot_bars(names: Sequence[str], values: np.ndarray, decimals: int, least: float) -> Figure:
    """Draw signed values as horizontal bars, the largest first.

    Args:
        names: Label of each bar.
        values: Values [bars].
        decimals: Decimals of the numbers beside the bars.
        least: The axis is scaled as for a value of at least this.
    """
    order = np.argsort(np.abs(values), kind="stable")
    ordered = values[order]
    figure = Figure(figsize=(7, 0.26 * len(values) + 1.1))
    axes = figure.subplots()
    axes.barh(range(len(values)), ordered, color=[FOR if v >= 0 else AGAINST for v in ordered])
    axes.set_yticks(range(len(values)), [names[number] for number in order], fontsize=8)
    axes.axvline(0, color="#51606f", linewidth=0.8)
    margin = 0.17 * max(np.abs(values).max(), least)
    for row, value in enumerate(ordered):
        side = "left" if value >= 0 else "right"
        axes.annotate(
            f"{value:+.{decimals}f}", (value, row), (3 if value >= 0 else -3, 0),
            textcoords="offset points", ha=side, va="center", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(min(values.min(), 0) - margin, max(values.max(), 0) + margin)
    axes.grid(visible=False, axis="y")
    return figure
