"""Figures of a toy classifier: its units as surfaces over the plane, in columns by layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.core.splits import Split
from stages.plots.history import Panel

PANELS = (
    Panel("loss (cross-entropy, nats)", ["loss"], log=True),
    Panel("accuracy", ["accuracy"]),
)
ROW_GAP, COLUMN_GAP = 8, 40  # pixels between surfaces
OUTPUT_SCALE = 4  # enlargement of the output surface
COLORMAP = "RdBu"  # class 0 and negative red, class 1 and positive blue
LIGHTEST, DARKEST = -60, 315  # colors of 0 and 255 are paler than the map's ends
POINT_COLORS = ("#67001f", "#053061")


class Surfaces(NamedTuple):
    """Outputs of the units of a network over the input plane.

    Attributes:
        hidden: Activations, uint8 [units, y, x], 128 is 0, layer by layer.
        output: Probabilities, uint8 [y, x], 255 is 1; row 0 has the largest y.
        axis: Coordinates of the columns and, reversed, of the rows [x].
    """

    hidden: np.ndarray
    output: np.ndarray
    axis: np.ndarray


def network(
    surfaces: Surfaces,
    layer_units: Sequence[int],
    points: Split,
    title: str,
    kernels: Sequence[np.ndarray],
) -> Figure:
    """Draw the inputs, each hidden unit and the output as surfaces over the plane.

    Args:
        surfaces: Surfaces of the units.
        layer_units: Number of units of each hidden layer.
        points: Points drawn over the output, class 0 as circles and class 1 as squares.
        title: Title of the figure.
        kernels: Weights between the columns, [inputs, outputs] each, drawn as lines whose width is
            proportional to the weight; may be empty.
    """
    side = len(surfaces.axis)
    corners = layout([2, *layer_units], side)
    canvas = compose(corners, surfaces)
    height, width = canvas.shape
    large = OUTPUT_SCALE * side
    figure = Figure(figsize=(4.6, 4.6 * height / width + 0.5))
    axes = figure.subplots()
    axes.imshow(canvas, cmap=COLORMAP, vmin=LIGHTEST, vmax=DARKEST, interpolation="nearest")
    axes.axis("off")
    axes.set_title(title, pad=12)
    output = np.array([[-side // 2, width - large]])  # lines end at the middle of its edge
    connect(axes, [*corners, output], kernels, height // 2, side)
    top, left = (height - large) // 2, width - large
    pixels = to_pixels(points.x, surfaces.axis, large) + np.array([left, top])
    for label, marker in ((0, "o"), (1, "s")):
        x, y = pixels[points.y == label].T
        axes.plot(x, y, marker, color=POINT_COLORS[label], markersize=2, markeredgewidth=0)
    label_columns(axes, corners, height, (left + large / 2, top))
    return figure


def to_pixels(points: np.ndarray, axis: np.ndarray, size: int) -> np.ndarray:
    """Convert points of the plane [n, 2] to pixels [n, 2] of a surface `size` pixels wide."""
    low, high = float(axis[0]), float(axis[-1])
    x, y = (points.T - low) / (high - low)
    return np.stack([x, 1 - y], axis=1) * size - 0.5


def layout(columns: Sequence[int], side: int) -> list[np.ndarray]:
    """Return the upper left corners [units, 2] of each column, rows counted from the middle."""
    row, column = side + ROW_GAP, side + COLUMN_GAP
    return [
        np.array(
            [[row * n - row * units // 2 + ROW_GAP // 2, column * number] for n in range(units)]
        )
        for number, units in enumerate(columns)
    ]


def compose(corners: Sequence[np.ndarray], surfaces: Surfaces) -> np.ndarray:
    """Arrange all surfaces on a canvas [height, width] in steps of a tenth, NaN between them.

    Steps show the slope like contours, and halve the size of the animation.
    """
    side = len(surfaces.axis)
    large = OUTPUT_SCALE * side
    height = max((side + ROW_GAP) * max(len(column) for column in corners), large)
    canvas = np.full((height, (side + COLUMN_GAP) * len(corners) + large), np.nan)
    scaled = np.round(127.5 + 127.5 * surfaces.axis / np.abs(surfaces.axis).max())
    inputs = [np.tile(scaled, (side, 1)), np.tile(scaled[::-1, None], (1, side))]
    for (above, left), surface in zip(
        np.concatenate(corners), [*inputs, *surfaces.hidden], strict=True
    ):
        top = height // 2 + above
        canvas[top : top + side, left : left + side] = surface
    top = (height - large) // 2
    enlarged = surfaces.output.repeat(OUTPUT_SCALE, axis=0).repeat(OUTPUT_SCALE, axis=1)
    canvas[top : top + large, -large:] = enlarged
    return (canvas / 25.5).round() * 25.5


def connect(
    axes: Axes,
    columns: Sequence[np.ndarray],
    kernels: Sequence[np.ndarray],
    middle: int,
    side: int,
) -> None:
    """Draw the weights between columns as lines, the largest of each kernel 2 points wide."""
    for left, right, kernel in zip(columns, columns[1:], kernels, strict=False):
        for (source, target), weight in np.ndenumerate(kernel / np.abs(kernel).max()):
            rows = np.array([left[source][0], right[target][0]]) + middle + side // 2
            ends = [left[source][1] + side, right[target][1] - 1]
            color = "steelblue" if weight > 0 else "indianred"
            axes.plot(ends, rows, color=color, linewidth=2 * abs(weight), zorder=0)


def label_columns(
    axes: Axes, corners: Sequence[np.ndarray], height: int, output: tuple[float, float]
) -> None:
    """Label each column: inputs, hidden layers and output."""
    for number, column in enumerate(corners):
        name = "x1, x2" if number == 0 else f"layer {number}"
        axes.text(column[0][1], column[0][0] + height // 2 - 4, name, fontsize=7)
    axes.text(output[0], output[1] - 4, "P(class 1)", fontsize=7, ha="center")
