"""Figures of a network that draws an image glimpse by glimpse."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import TEST, VALIDATION
from stages.plots.history import Panel
from stages.plots.images import TITLE_PIXELS, image_grid
from stages.plots.style import DPI

PANELS = (
    Panel("bound, nats per image", ["loss"]),
    Panel("reconstruction loss", ["reconstruction_loss"]),
    Panel("KL divergence", ["kl_loss"]),
)
LABEL_PIXELS = 40  # below an image grid, for the numbers of the glimpses
READ_COLOR, WRITE_COLOR = (0, 158, 115), (213, 40, 0)


def mark_windows(
    images: np.ndarray, windows: np.ndarray, color: tuple[int, int, int], scale: int
) -> np.ndarray:
    """Enlarge images and draw the frame of the attention window on each.

    The frame goes through the centers of the outermost filters; parts outside of the image are
    left out.

    Args:
        images: Images, uint8 [n, height, width], drawn dark on white.
        windows: Row and column of the center, side and standard deviation of the filters, in
            pixels, [n, 4].
        color: Red, green and blue of the frame.
        scale: Factor of the enlargement.

    Returns:
        Images, uint8 [n, scale * height, scale * width, 3].
    """
    large = (255 - images).repeat(scale, axis=1).repeat(scale, axis=2)
    marked = np.repeat(large[..., None], 3, axis=3)
    height, width = large.shape[1:]
    rows, columns = np.arange(height), np.arange(width)
    for image, (row, column, side, _) in zip(marked, windows, strict=True):
        half = side / 2
        top, bottom, left, right = (
            int(np.floor((np.clip(edge, -length, 2 * length) + 0.5) * scale))
            for length, edge in (
                (images.shape[1], row - half),
                (images.shape[1], row + half),
                (images.shape[2], column - half),
                (images.shape[2], column + half),
            )
        )
        inside_rows = rows[(rows >= top) & (rows <= bottom)]
        inside_columns = columns[(columns >= left) & (columns <= right)]
        for edge in (top, bottom):
            if 0 <= edge < height:
                image[edge, inside_columns] = color
        for edge in (left, right):
            if 0 <= edge < width:
                image[inside_rows, edge] = color
    return marked


def by_glimpse(images: np.ndarray, title: str) -> Figure:
    """Draw rows of images, a column per glimpse, one pixel per image pixel.

    Other sizes would leave out pixels, and with them lines of the frames.

    Args:
        images: Images, uint8 [rows, glimpses, height, width, 3].
        title: Title of the figure.
    """
    glimpses, image_height, image_width = images.shape[1:4]
    pixels = image_grid(images.reshape(-1, image_height, image_width, 3), glimpses)
    height, width = pixels.shape[:2]
    total = height + TITLE_PIXELS + LABEL_PIXELS
    figure = Figure(figsize=(width / DPI, total / DPI))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, LABEL_PIXELS / total, 1, height / total))
    axes.imshow(pixels, interpolation="nearest", aspect="auto")
    hide_frame(axes)
    centers = (np.arange(glimpses) + 0.5) * (image_width + 1) - 1
    axes.set_xticks(centers, [str(number + 1) for number in range(glimpses)])
    axes.set(xlabel="glimpse", title=title)
    return figure


def reconstructions(images: np.ndarray, decoded: np.ndarray) -> Figure:
    """Draw pairs of an image and its reconstruction, uint8 [rows, columns, height, width] each."""
    rows, columns, height, width = images.shape
    gap = np.zeros((rows, columns, height, width // 4), np.uint8)
    pairs = np.concatenate([images, decoded, gap], axis=3)
    figure = Figure(figsize=(7, 0.4 + 6.8 * rows * height / columns / pairs.shape[3]))
    axes = figure.subplots()
    pixels = image_grid(255 - pairs.reshape(-1, *pairs.shape[2:]), columns)
    axes.imshow(pixels, vmin=0, vmax=255, interpolation="nearest")
    hide_frame(axes)
    axes.set_title("binarized test image and last canvas, pair by pair")
    return figure


def hide_frame(axes: Axes) -> None:
    """Remove grid, ticks and frame of the axes of an image grid."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def glimpses(kl: np.ndarray, reconstruction: np.ndarray) -> Figure:
    """Draw mean KL divergence and reconstruction loss by glimpse, nats per image [glimpses]."""
    figure = Figure(figsize=(7.5, 2.8))
    left, right = figure.subplots(1, 2)
    numbers = np.arange(len(kl)) + 1
    left.bar(numbers, kl, color=TEST)
    left.set(title="KL divergence of the glimpse, nats")
    right.plot(numbers, reconstruction, ".-", color=VALIDATION)
    right.set(title="reconstruction loss of the canvas, nats", yscale="log")
    for axes in (left, right):
        axes.set_xticks(numbers[:: max(len(numbers) // 10, 1)])
        axes.set_xlabel("glimpse")
    return figure
