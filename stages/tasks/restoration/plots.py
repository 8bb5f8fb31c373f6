"""Figures of a network that restores images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from stages.plots.colors import REFERENCE, TEST
from stages.plots.history import Panel
from stages.plots.images import dark_on_white, image_grid

PANELS = (Panel("mean squared error (white is 1)", ["loss"], log=True),)


def labeled_rows(rows: Mapping[str, np.ndarray]) -> Figure:
    """Draw rows of images, uint8 [columns, height, width(, 3)], by their labels."""
    images = np.concatenate(list(rows.values()))
    columns, (height, width) = len(images) // len(rows), images.shape[1:3]
    figure = Figure(figsize=(7, 0.2 + 5.6 * len(rows) * height / columns / width))
    axes = figure.subplots()
    axes.imshow(image_grid(dark_on_white(images), columns), vmin=0, vmax=255)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks((np.arange(len(rows)) + 0.5) * (height + 1) - 1, list(rows))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def psnr_by_method(scores: Mapping[str, float]) -> Figure:
    """Draw the PSNR of each method as a bar, in decibels; the last is that of the network."""
    figure = Figure(figsize=(5.5, 0.8 + 0.35 * len(scores)))
    axes = figure.subplots()
    colors = [REFERENCE] * (len(scores) - 1) + [TEST]
    bars = axes.barh(list(scores), list(scores.values()), color=colors)
    axes.bar_label(bars, fmt="{:.2f}", padding=3)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="PSNR, dB", xlim=(0, 1.12 * max(scores.values())))
    return figure
