"""Images in figures: sheets of many, and figures that show them pixel by pixel."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.style import DPI

TITLE_PIXELS = 28  # above a sheet


def dark_on_white(images: np.ndarray) -> np.ndarray:
    """Gray images uint8 [n, height, width] inverted, color images [n, height, width, 3] as is."""
    return 255 - images if images.ndim == 3 else images


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images in rows of `columns`, a white pixel between them.

    Args:
        images: uint8 [n, height, width] or [n, height, width, 3].
        columns: images per row; places after the last image are white.

    Returns:
        uint8 [sheet height, sheet width] or [sheet height, sheet width, 3].
    """
    rows = math.ceil(len(images) / columns)
    padding = [(0, rows * columns - len(images)), (0, 1), (0, 1)]
    padding += [(0, 0)] * (images.ndim - 3)
    padded = np.pad(images, padding, constant_values=255)
    height, width = padded.shape[1:3]
    grid = padded.reshape(rows, columns, *padded.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, *padded.shape[3:])[:-1, :-1]


def show_images(axes: Axes, images: np.ndarray, columns: int, title: str) -> None:
    """Draw a sheet of images [n, height, width(, 3)], gray ones dark on white."""
    axes.imshow(sheet(dark_on_white(images), columns), vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)


def sheet_figure(images: np.ndarray, columns: int, title: str) -> Figure:
    """A figure of a sheet of images, uint8 [n, height, width(, 3)], pixel by pixel.

    Gray images are dark on white.
    """
    pixels = sheet(dark_on_white(images), columns)
    height, width = pixels.shape[:2]
    figure = Figure(figsize=(width / DPI, (height + TITLE_PIXELS) / DPI))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, height / (height + TITLE_PIXELS)))
    axes.imshow(pixels, vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    axes.set_title(title)
    return figure


def enlarge(image: np.ndarray, min_side: int) -> np.ndarray:
    """Repeat the pixels of [height, width(, 3)] until the longer side is about `min_side`."""
    times = max(min_side // max(image.shape[:2]), 1)
    return image.repeat(times, axis=0).repeat(times, axis=1)
