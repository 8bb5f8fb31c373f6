"""Figure of drawn digits and the answers of networks."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import GENERATED, TEST

COLUMNS = 5
CORRECT, WRONG, OTHER = TEST, GENERATED, "#b5bcc4"
BAR = 0.78  # height of a probability of 1, of the distance between two models


class Drawing(NamedTuple):
    """A drawn digit.

    Attributes:
        file: Name of the file.
        label: Its class.
        group: "easy", "hard", or "" for none.
        image: Image, uint8 [height, width, 3].
        digit: What the networks see, uint8 [28, 28]; black if no digit was found.
        found: Number of digits found in the image; the networks see the one with the most ink.
    """

    file: str
    label: str
    group: str
    image: np.ndarray
    digit: np.ndarray
    found: int


def plot_drawings(
    drawings: Sequence[Drawing], answers: Mapping[str, np.ndarray], classes: Sequence[str]
) -> Figure:
    """Draw each digit, what the networks see, and below it the ten probabilities of each model.

    Args:
        drawings: n drawings.
        answers: Class probabilities [n, classes] by model.
        classes: Names of the classes.
    """
    rows = math.ceil(len(drawings) / COLUMNS)
    bars = 0.24 * len(answers) + 0.1  # height in inches
    figure = Figure(figsize=(9.4, rows * (bars + 1.25)))
    figure.set_layout_engine("none")
    grid = figure.add_gridspec(
        rows, COLUMNS, left=0.115, right=0.995, top=1 - 0.22 / figure.get_figheight(),
        bottom=0.25 / figure.get_figheight(), wspace=0.1, hspace=0.5 / (bars + 0.75),
    )  # fmt: skip
    for number, drawing in enumerate(drawings):
        cell = grid[divmod(number, COLUMNS)].subgridspec(
            2, 2, height_ratios=[0.75, bars], hspace=0.06, wspace=0.05
        )
        show_drawing([figure.add_subplot(cell[0, side]) for side in (0, 1)], drawing)
        axes = figure.add_subplot(cell[1, :])
        p = np.stack([each[number] for each in answers.values()])
        draw_probabilities(axes, p, classes, drawing.label)
        axes.set_yticks(
            np.arange(len(answers)) + BAR / 2,
            [*answers][::-1] if number % COLUMNS == 0 else [],
            fontsize=7.5,
        )
    return figure


def show_drawing(sides: Sequence[Axes], drawing: Drawing) -> None:
    """Show a drawing and, beside it, what the networks see."""
    for axes, pixels in zip(sides, (drawing.image, 255 - drawing.digit), strict=True):
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set(visible=True, color="#c8ced5", linewidth=0.6)
    sides[0].set_title(f"{drawing.label} {drawing.group}".strip(), fontsize=8, loc="left", pad=2)


def draw_probabilities(axes: Axes, p: np.ndarray, classes: Sequence[str], label: str) -> None:
    """Draw probabilities [models, classes] as a row of bars per model, the first one on top.

    The answer is green if it is the label, else orange.
    """
    for row, values in enumerate(p[::-1]):
        answer = int(values.argmax())
        colors = [OTHER] * len(classes)
        colors[answer] = CORRECT if classes[answer] == label else WRONG
        axes.bar(range(len(classes)), BAR * values, bottom=row, color=colors, width=0.8)
        axes.axhline(row, color="#d8dde3", linewidth=0.6, zorder=0)
    axes.set(xlim=(-0.6, len(classes) - 0.4), ylim=(0, len(p)))
    axes.set_xticks(range(len(classes)), classes, fontsize=7)
    axes.tick_params(length=0, pad=2)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
