"""Figures of a generator of points."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import GENERATED, REFERENCE
from stages.plots.history import Panel, draw_panel

LOSSES = Panel(
    "loss (cross-entropy, nats)",
    ["generator_loss", "discriminator_loss"],
    labels=["generator", "discriminator"],
)
CHANCE_LOSSES = {"generator": math.log(2), "discriminator": 2 * math.log(2)}
POINTS: dict[str, Any] = {"linestyle": "", "markeredgewidth": 0, "antialiased": False}


def points(
    surface: np.ndarray, axis: np.ndarray, real: np.ndarray, generated: np.ndarray, title: str
) -> Figure:
    """Draw real and generated points over the discriminator's probability that a point is real.

    Args:
        surface: Probabilities, uint8 [y, x], 255 is 1; row 0 has the largest y. Blue is real,
            white is 0.5, in steps of 4%, so that a palette has colors left for the points.
        axis: Coordinates of the columns and, reversed, of the rows [x].
        real: Real points [n, 2].
        generated: Generated points [m, 2].
        title: Title of the figure.
    """
    figure = Figure(figsize=(3.4, 3.9))
    axes = figure.subplots()
    low, high = float(axis[0]), float(axis[-1])
    stepped = (surface / 255 / 0.04).round() * 0.04
    axes.imshow(
        stepped, cmap="RdBu", vmin=0.3, vmax=0.7, extent=(low, high, low, high),
        interpolation="nearest", alpha=0.5,
    )  # fmt: skip
    axes.plot(*real.T, marker="s", color="dimgray", markersize=1.4, label="real", **POINTS)
    axes.plot(*generated.T, marker="s", color="black", markersize=2.8, **POINTS)
    axes.plot(
        *generated.T, marker="s", color="darkorange", markersize=2.2, label="generated", **POINTS
    )
    axes.set(xlim=(low, high), ylim=(low, high), xlabel="x1", ylabel="x2", title=title)
    axes.grid(visible=False)
    figure.legend(loc="outside lower center", ncols=2, markerscale=3)
    return figure


def learning_curves(history: pd.DataFrame, distances: pd.DataFrame) -> Figure:
    """Draw both losses and the distance to the validation points by training step.

    Args:
        history: Learning curves; see `LOSSES`.
        distances: Columns training_step, which starts at 0, and sliced_wasserstein.
    """
    figure = Figure(figsize=(7, 2.8))
    left, right = figure.subplots(1, 2)
    draw_panel(left, history, LOSSES, "training_step")
    for name, loss in CHANCE_LOSSES.items():
        left.axhline(loss, color=REFERENCE, linestyle="--", label=f"{name} at chance")
    left.legend(fontsize=7)
    right.plot(distances["training_step"], distances["sliced_wasserstein"], ".-", color=GENERATED)
    right.set_xscale("symlog", linthresh=1)
    right.set(xlabel="training step", ylim=(0, None))
    right.set_title("sliced Wasserstein distance\nto the validation set (500 points)")
    return figure
