"""Figures of activation functions."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.plots.colors import COLOR_CYCLE, TRAINING, VALIDATION

COLUMNS = 4
OUTPUTS = (-1.4, 2.6)  # of the axes of curves
WEIGHTS, BIASES = (1, 3, 30), (2, 0, -2, -4)


def plot_activations(x: np.ndarray, curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw activation functions and their slopes.

    Args:
        x: Inputs [n].
        curves: Outputs [n] and slopes [n], by activation.
    """
    rows = -(-len(curves) // COLUMNS)
    figure = Figure(figsize=(8, 2 * rows + 0.2))
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, (name, (outputs, slopes)) in zip(grid.flat, curves.items(), strict=False):
        axes.plot(x, outputs, color=TRAINING, label="output")
        axes.plot(x, slopes, color=VALIDATION, linestyle="--", label="slope")
        axes.set_title(f"{name}: slope up to {slopes.max():.2f}", fontsize=9)
        axes.set_ylim(*OUTPUTS)
    for axes in grid.flat[len(curves) :]:
        axes.set_axis_off()
    grid[0, 0].legend(loc="upper left")
    return figure


def plot_gradients(gradients: Mapping[str, np.ndarray]) -> Figure:
    """Draw the gradient by layer, as a fraction of that in the output layer; zeros are left out.

    Args:
        gradients: Mean norm by seed and layer, [seeds, layers], by activation.
    """
    figure = Figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    for number, (name, norms) in enumerate(gradients.items()):
        fractions = norms / norms[:, -1:]
        shown = np.where(fractions.mean(axis=0) > 0, fractions, np.nan)
        layers = np.arange(1, norms.shape[1] + 1)
        cycle, position = divmod(number, len(COLOR_CYCLE))
        color, line = COLOR_CYCLE[position], "--" if cycle else "-"
        label = name if fractions[:, 0].any() else f"{name} (0 in hidden layers)"
        axes.plot(
            layers, shown.mean(axis=0), line, color=color, marker="o", markersize=4, label=label
        )
        axes.fill_between(layers, shown.min(axis=0), shown.max(axis=0), color=color, alpha=0.15)
    axes.set(
        yscale="log",
        title="Gradient by layer, before training",
        xlabel="layer (the last one is the output)",
        ylabel="mean norm, output layer = 1",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def plot_neurons(x: np.ndarray, sigmoid: Callable[[np.ndarray], np.ndarray]) -> Figure:
    """Draw a sigmoid neuron with one input as a smoothed switch, and how its bias shifts it.

    Args:
        x: Inputs, float32 [n].
        sigmoid: Activation function, from inputs [n] to outputs [n].
    """
    figure = Figure(figsize=(6.4, 2.4))
    switch, shift = figure.subplots(1, 2, sharey=True)
    draw_neurons(switch, {f"weight {weight}": sigmoid(weight * x) for weight in WEIGHTS}, x)
    draw_neurons(shift, {f"bias {bias}": sigmoid(x + bias) for bias in BIASES}, x)
    switch.set(title="a smoothed switch", ylabel="output", xlabel="input")
    shift.set(title="a lower bias needs more input to fire", xlabel="input")
    return figure


def draw_neurons(axes: Axes, outputs: Mapping[str, np.ndarray], x: np.ndarray) -> None:
    """Draw the outputs of neurons, by label."""
    for label, output in outputs.items():
        axes.plot(x, output, label=label)
    axes.legend(fontsize=8)
