"""Figures of a generator of points."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.data import LIMIT


def points(surface: np.ndarray, real: np.ndarray, generated: np.ndarray, title: str) -> Figure:
    """Real and generated points, [n, 2] and [m, 2], over what the discriminator thinks.

    surface: uint8 [side, side], of 255; blue where it takes points for real, white where it is
        undecided, in steps of 4 %, so that a palette has colours left for the points.
    """
    figure = Figure(figsize=(3.4, 3.6))
    axes = figure.subplots()
    extent = (-LIMIT, LIMIT, -LIMIT, LIMIT)
    stepped = (surface / 255 / 0.04).round() * 0.04
    axes.imshow(stepped, cmap="RdBu", vmin=0.3, vmax=0.7, extent=extent, interpolation="nearest")
    axes.plot(*real.T, "s", color="dimgray", markersize=1.4, markeredgewidth=0, antialiased=False)
    axes.plot(
        *generated.T, "s", color="darkorange", markersize=2.2, markeredgewidth=0, antialiased=False
    )
    axes.set(xlim=(-LIMIT, LIMIT), ylim=(-LIMIT, LIMIT), title=title, xticks=[], yticks=[])
    axes.set_xlabel("real grey, generated orange")
    return figure


def curves(history: pd.DataFrame) -> Figure:
    """Both losses, and the distance to the validation points, by step."""
    figure = Figure(figsize=(7, 2.8))
    losses, distance = figure.subplots(1, 2)
    losses.plot(history["step"], history["discriminator_loss"], ".-", label="discriminator")
    losses.plot(history["step"], history["loss"], ".-", label="generator")
    losses.axhline(2 * np.log(2), color="gray", linestyle="--", linewidth=0.8)
    losses.axhline(np.log(2), color="gray", linestyle="--", linewidth=0.8, label="undecided")
    losses.set(xlabel="step", title="loss, nats", xscale="log")
    losses.legend()
    distance.plot(history["step"], history["val_sliced_wasserstein"], ".-")
    distance.set(xlabel="step", title="distance to validation points", xscale="log", ylim=(0, None))
    return figure
