"""Figures of a small network for points: its neurons as surfaces, in columns from left to right."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.data import GRID, LIMIT, Part

SIDE = len(GRID)  # pixels of a small surface
ROW, COLUMN = SIDE + 8, SIDE + 40  # from one to the next
ENLARGED = 4  # times, the surface of the output
LARGE = ENLARGED * SIDE
COLOURS = "RdBu"  # class 0 and negative red, class 1 and positive blue


def network(
    surfaces: tuple[np.ndarray, np.ndarray],
    widths: Sequence[int],
    points: Part,
    title: str,
    kernels: Sequence[np.ndarray],
) -> Figure:
    """The inputs, each hidden neuron and the output as surfaces over the plane.

    Args:
        surfaces: of the hidden neurons, uint8 [neurons, side, side], 128 is 0, layer by layer; and
            of the output, uint8 [side, side], 255 is the probability 1.
        widths: neurons of each hidden layer.
        points: drawn over the output.
        title: of the figure.
        kernels: the weights between the columns, [inputs, outputs] each, drawn as lines that are
            wider the larger the weight; [] draws none.
    """
    corners = layout([2, *widths])
    canvas = compose(corners, *surfaces)
    height, width = canvas.shape
    figure = Figure(figsize=(4, 4 * height / width + 0.25))
    axes = figure.subplots()
    axes.imshow(canvas, cmap=COLOURS, vmin=0, vmax=255, interpolation="nearest")
    axes.axis("off")
    axes.set_title(title)
    output = np.array([[-SIDE // 2, width - LARGE]])  # its lines end in the middle of its edge
    connect(axes, [*corners, output], kernels, height // 2)
    corner = (width - LARGE, (height - LARGE) // 2)
    place = (points.x * (1, -1) / LIMIT + 1) / 2 * LARGE + corner
    colours = np.where(points.y == 1, "navy", "darkred")
    axes.scatter(place[:, 0], place[:, 1], s=3, c=colours, edgecolors="white", linewidths=0.3)
    return figure


def compose(corners: Sequence[np.ndarray], neurons: np.ndarray, output: np.ndarray) -> np.ndarray:
    """All surfaces on one canvas [height, width] in steps of a tenth, NaN between them.

    Steps show the slope as contours do, and make an animation half as large.
    """
    height = max(ROW * max(len(column) for column in corners), LARGE)
    canvas = np.full((height, COLUMN * len(corners) + LARGE), np.nan)
    inputs = np.round(127.5 + 127.5 * GRID / LIMIT).transpose(2, 0, 1)
    for (below, column), surface in zip(np.concatenate(corners), [*inputs, *neurons], strict=True):
        row = height // 2 + below
        canvas[row : row + SIDE, column : column + SIDE] = surface
    top = (height - LARGE) // 2
    canvas[top : top + LARGE, -LARGE:] = output.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
    return (canvas / 25.5).round() * 25.5


def layout(widths: Sequence[int]) -> list[np.ndarray]:
    """The upper left corners [neurons, 2] of each column, rows counted from the middle."""
    return [
        np.array([[ROW * n - ROW * width // 2 + 4, COLUMN * column] for n in range(width)])
        for column, width in enumerate(widths)
    ]


def connect(
    axes: Axes, columns: Sequence[np.ndarray], kernels: Sequence[np.ndarray], middle: int
) -> None:
    """Draw the weights between the columns as lines, the largest of each kernel 2 points wide."""
    for left, right, kernel in zip(columns, columns[1:], kernels, strict=False):
        for (source, target), weight in np.ndenumerate(kernel / np.abs(kernel).max()):
            rows = np.array([left[source][0], right[target][0]]) + middle + SIDE // 2
            ends = [left[source][1] + SIDE, right[target][1] - 1]
            colour = "steelblue" if weight > 0 else "indianred"
            axes.plot(ends, rows, color=colour, linewidth=2 * abs(weight), zorder=0)


def curves(history: pd.DataFrame) -> Figure:
    """Loss and accuracy by step, of training and of validation points."""
    figure = Figure(figsize=(7, 2.8))
    for axes, measure in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(history["step"], history[measure], ".-", label="training")
        axes.plot(history["step"], history[f"val_{measure}"], ".-", label="validation")
        axes.set(xlabel="step", title=measure, xscale="log")
        axes.legend()
    return figure
