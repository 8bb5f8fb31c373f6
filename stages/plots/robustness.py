"""Figures of robustness: accuracy by distortion, and adversarial examples."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import COLOR_CYCLE
from stages.plots.images import dark_on_white, image_grid

LABELS = {
    "shift": "shift in pixels",
    "rotation": "rotation in degrees",
    "scale": "scale",
    "noise": "standard deviation of the noise",
    "perturbation": "change of each pixel",
}
MAX_EXAMPLES = 9  # images above a chart


class Curve(NamedTuple):
    """Accuracy of a model by amount of a distortion.

    Attributes:
        label: Name in the legend.
        model: Id of the model, which decides the color.
        amounts: Amounts, ascending.
        accuracies: Accuracy at each amount.
        style: Style of the line.
    """

    label: str
    model: str
    amounts: Sequence[float]
    accuracies: Sequence[float]
    style: str = "-"


def plot_distortions(
    curves: Mapping[str, Sequence[Curve]], examples: Mapping[str, np.ndarray]
) -> Figure:
    """Draw accuracy by the amount of each distortion, with examples above.

    Args:
        curves: Curves by kind of distortion.
        examples: Images with each amount, uint8 [amounts, height, width], by kind of distortion.
    """
    figure = Figure(figsize=(8, 6.4))
    rows = (len(curves) + 1) // 2
    grid = figure.subplots(2 * rows, 2, squeeze=False, height_ratios=[1, 5] * rows)
    for number, (kind, members) in enumerate(curves.items()):
        row, column = 2 * (number // 2), number % 2
        show_examples(grid[row, column], examples[kind], members[0].amounts)
        draw_curves(grid[row + 1, column], members, kind)
    for axes in grid.flat[2 * len(curves) :]:
        axes.set_axis_off()
    lines = {str(line.get_label()): line for axes in grid.flat for line in axes.get_lines()}
    figure.legend(
        list(lines.values()), list(lines), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


def show_examples(axes: Axes, images: np.ndarray, amounts: Sequence[float]) -> None:
    """Show images [n, height, width] with increasing amounts in a row, evenly chosen."""
    chosen = np.unique(np.linspace(0, len(amounts) - 1, MAX_EXAMPLES).round().astype(int))
    axes.imshow(image_grid(dark_on_white(images[chosen]), len(chosen)), vmin=0, vmax=255)
    width = images.shape[2] + 1
    axes.set_xticks(
        [width * position + width / 2 - 1 for position in range(len(chosen))],
        [f"{amounts[number]:g}" for number in chosen],
        fontsize=7,
    )
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_curves(axes: Axes, curves: Sequence[Curve], kind: str) -> None:
    """Draw curves of accuracy, a color per model."""
    models = list(dict.fromkeys(curve.model for curve in curves))
    for curve in curves:
        color = COLOR_CYCLE[models.index(curve.model) % len(COLOR_CYCLE)]
        axes.plot(
            curve.amounts, curve.accuracies, curve.style, color=color, label=curve.label, marker="."
        )
    axes.set(xlabel=LABELS[kind], ylabel="validation accuracy", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter("{x:.0%}")


class Attack(NamedTuple):
    """An adversarial example.

    Attributes:
        model: Id of the attacked model.
        images: Original, perturbation and adversarial image, uint8 [3, height, width]; the
            perturbation is 128 where a pixel does not change.
        titles: A title for each.
    """

    model: str
    images: np.ndarray
    titles: Sequence[str]


def plot_adversarial(curves: Sequence[Curve], attacks: Sequence[Attack]) -> Figure:
    """Draw accuracy by the size of the perturbation, and an example per model.

    Args:
        curves: Curves of adversarial and of random perturbations.
        attacks: Examples, a row each.
    """
    figure = Figure(figsize=(8, 1.45 * max(len(attacks), 2) + 0.3))
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    axes = left.subplots()
    draw_curves(axes, curves, "perturbation")
    axes.legend(
        frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2
    )
    grid = right.subplots(len(attacks), 3, squeeze=False)
    for row, attack in zip(grid, attacks, strict=True):
        for cell, image, title in zip(row, attack.images, attack.titles, strict=True):
            cell.imshow(255 - image, vmin=0, vmax=255, interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            cell.grid(False)
            cell.set_title(title, fontsize=8)
        row[0].set_ylabel(attack.model.replace("_", " "), fontsize=8)
    return figure
