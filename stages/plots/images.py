"""Images in figures: the choice of images, and image grids, without interpolation."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.style import DPI

TITLE_PIXELS = 28  # above an image grid


def evenly_spaced(length: int, count: int) -> np.ndarray:
    """Choose at most `count` indices of `length` elements, evenly spaced, both ends included."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(int))


def dark_on_white(images: np.ndarray) -> np.ndarray:
    """Invert grayscale images, uint8 [n, height, width]; return color images unchanged."""
    return 255 - images if images.ndim == 3 else images


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Arrange images in rows of `columns`, with a white pixel between them.

    Args:
        images: Images, uint8 [n, height, width] or [n, height, width, 3].
        columns: Images per row; cells after the last image are white.

    Returns:
        Image grid, uint8 [grid height, grid width] or [grid height, grid width, 3].
    """
    rows = math.ceil(len(images) / columns)
    padding = [(0, rows * columns - len(images)), (0, 1), (0, 1)]
    padding += [(0, 0)] * (images.ndim - 3)
    padded = np.pad(images, padding, constant_values=255)
    height, width = padded.shape[1:3]
    grid = padded.reshape(rows, columns, *padded.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, *padded.shape[3:])[:-1, :-1]


def show_images(axes: Axes, images: np.ndarray, columns: int, title: str) -> None:
    """Draw a grid of images [n, height, width(, 3)], grayscale ones dark on white."""
    axes.imshow(image_grid(dark_on_white(images), columns), vmin=0, vmax=255)
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)


def image_grid_figure(images: np.ndarray, columns: int, title: str) -> Figure:
    """Draw a figure of an image grid, one pixel per image pixel.

    Args:
        images: Images, uint8 [n, height, width] or [n, height, width, 3]; grayscale ones are drawn
            dark on white.
        columns: Images per row.
        title: Title of the figure.
    """
    pixels = image_grid(dark_on_white(images), columns)
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
