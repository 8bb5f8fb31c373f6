"""Figures of an exploration of the noise space; images are uint8."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.plots.colors import COLOR_CYCLE, REFERENCE
from stages.plots.images import image_grid, show_images

SIGNS = ("high", "- low", "+ low", "= result")


def inversion(images: np.ndarray, before: np.ndarray, after: np.ndarray) -> Figure:
    """Draw images above the start and the result of their inversion, [n, height, width] each."""
    figure = Figure(figsize=(8, 0.2 + 24 / len(images)))
    axes = figure.subplots()
    pixels = image_grid(255 - np.concatenate([images, before, after]), len(images))
    axes.imshow(pixels, vmin=0, vmax=255)
    axes.grid(visible=False)
    axes.set_xticks([])
    height = images.shape[1] + 1
    axes.set_yticks((np.arange(3) + 0.5) * height - 1, ["test image", "start", "found"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def attributes(images: Mapping[str, np.ndarray], strengths: Sequence[float]) -> Figure:
    """Draw images along directions.

    Args:
        images: By attribute, images [rows, steps, height, width].
        strengths: Length of the added vector in each column [steps].
    """
    figure = Figure(figsize=(9, 3.2))
    for axes, (name, rows) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        flat = rows.reshape(-1, *rows.shape[2:])
        axes.imshow(image_grid(255 - flat, rows.shape[1]), vmin=0, vmax=255)
        axes.grid(visible=False)
        axes.set_yticks([])
        centers = (np.arange(rows.shape[1]) + 0.5) * (rows.shape[3] + 1) - 1
        axes.set_xticks(centers, [f"{strength:+g}" if strength else "0" for strength in strengths])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(name)
    return figure


def success(
    strengths: Sequence[float], rates: Mapping[str, Sequence[float]], chosen: float
) -> Figure:
    """Draw success rates by attribute.

    Args:
        strengths: Lengths of the added vector.
        rates: By attribute, the rate for each length.
        chosen: Length of the reported rates.
    """
    figure = Figure(figsize=(5, 2.8))
    axes = figure.subplots()
    for (name, values), color in zip(rates.items(), COLOR_CYCLE, strict=False):
        axes.plot(strengths, values, ".-", label=name, color=color)
    axes.axvline(chosen, color=REFERENCE, linestyle="--", label="reported")
    axes.set(xlabel="length of the added vector", ylabel="success rate", ylim=(0, 1))
    axes.legend()
    return figure


def arithmetic(images: Mapping[str, np.ndarray]) -> Figure:
    """Draw vector arithmetic, a panel per attribute.

    Args:
        images: By attribute, images [rows, 4, height, width]: high, minus low, plus low, result.
    """
    figure = Figure(figsize=(9, 3.6))
    panels = figure.subplots(1, len(images))
    for axes, (name, rows) in zip(panels, images.items(), strict=True):
        show_images(axes, rows.reshape(-1, *rows.shape[2:]), len(SIGNS), name)
        centers = (np.arange(len(SIGNS)) + 0.5) * (rows.shape[3] + 1) - 1
        axes.set_axis_on()
        axes.grid(visible=False)
        axes.set_yticks([])
        axes.set_xticks(centers, SIGNS, fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure
