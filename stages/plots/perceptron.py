"""Figures of the analysis of perceptrons."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.analyses.neurons import (
    ACTIVE_INPUTS,
    CONNECTIONS,
    GATES,
    INPUTS,
    NEURON,
    RULE,
    Run,
    Runs,
    add_bias,
    fires,
    fires_for_xor,
    forward,
)
from stages.core.splits import Split
from stages.plots.colors import COLOR_CYCLE, REFERENCE, TRAINING, VALIDATION

CLASS_COLORS = (VALIDATION, TRAINING)  # of 0 and 1
GRID_POINTS = 120  # along each axis
MARGIN = 0.5  # around the truth table
BOUNDARY = ACTIVE_INPUTS - 0.5  # sums are integers: drawn here, no row is on the boundary
SHOWN_POINTS = 250
LEGEND = (0.52, 0.12)  # between the curves of the gates
SURFACE_COLORS, LOWEST, HIGHEST = "RdBu", -0.6, 1.6  # pale, so that the points stand out
Unit = Callable[[np.ndarray], np.ndarray]  # from inputs [n, 2] to outputs [n] or [n, 1]


def plot_gates(tasks: Mapping[str, Split], runs: Runs) -> Figure:
    """Draw truth tables and points, and how neurons separate their classes.

    Args:
        tasks: Inputs [n, 2] and classes [n], by name: gates first, then points.
        runs: Runs by task and by what learned it.
    """
    figure = Figure(figsize=(8, 7))
    first, second, third = figure.subplots(3, 4)
    draw_fixed(first)
    for axes, gate in zip(second, GATES, strict=True):
        draw_lines(axes, tasks[gate], runs[gate, RULE])
        axes.set_title(f"{gate}, learned")
    points = [name for name in tasks if name not in GATES]
    networks = [key for key in runs if key[1] not in {RULE, NEURON}]
    for axes, name in zip(third, points, strict=False):
        draw_lines(axes, tasks[name], runs[name, RULE])
        axes.set_title(name)
    for axes, (task, learner) in zip(third[len(points) :], networks, strict=False):
        best = min(runs[task, learner], key=lambda run: run.losses[-1])
        draw_surface(axes, tasks[task].x, partial(output_of, best.weights))
        draw_examples(axes, tasks[task])
        axes.set_title(f"{task}, {learner}")
    for axes in third[len(points) + len(networks) :]:
        axes.set_axis_off()
    first[0].set_ylabel("fixed connections\nB")
    second[0].set_ylabel("perceptron rule\nB")
    third[0].set_ylabel("perceptron rule")
    return figure


def draw_fixed(row: Sequence[Axes]) -> None:
    """Draw the half-planes in which threshold units with given connections fire."""
    units: dict[str, Unit] = {
        name: partial(fires, weights, threshold=BOUNDARY) for name, weights in CONNECTIONS.items()
    }
    units["XOR, three units"] = partial(fires_for_xor, threshold=BOUNDARY)
    for axes, (name, unit) in zip(row, units.items(), strict=True):
        draw_surface(axes, INPUTS, unit)
        draw_examples(axes, Split(INPUTS, unit(INPUTS).astype(int)))
        axes.set_title(name)


def output_of(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the output [n, 1] of a network; see `forward`."""
    return forward(weights, x)[-1]


def make_grid(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a square around examples [n, 2]: the positions along an axis, and all points."""
    ticks = np.linspace(x.min() - MARGIN, x.max() + MARGIN, GRID_POINTS)
    return ticks, np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def draw_surface(axes: Axes, x: np.ndarray, output: Unit) -> None:
    """Color the plane by an output of 0 to 1.

    Args:
        axes: Axes to draw on.
        x: Examples [n, 2], which set the limits.
        output: Unit or network.
    """
    ticks, grid = make_grid(x)
    values = np.reshape(output(grid), (GRID_POINTS, GRID_POINTS)).astype(float)
    axes.imshow(
        values,
        SURFACE_COLORS,
        origin="lower",
        extent=(ticks[0], ticks[-1], ticks[0], ticks[-1]),
        vmin=LOWEST,
        vmax=HIGHEST,
    )
    axes.grid(False)


def draw_lines(axes: Axes, task: Split, runs: Sequence[Run]) -> None:
    """Draw the line of each run, along which its weighted sum is 0, and the examples."""
    ticks, grid = make_grid(task.x)
    for run in runs:
        sums = (add_bias(grid) @ run.weights[0]).reshape(GRID_POINTS, GRID_POINTS)
        axes.contour(ticks, ticks, sums, levels=[0], colors=REFERENCE, linewidths=0.8)
    axes.set_aspect("equal")
    axes.grid(False)
    draw_examples(axes, task)


def draw_examples(axes: Axes, task: Split) -> None:
    """Draw examples in the color of their class; the rows of a truth table as large dots."""
    table = len(task.y) == len(INPUTS)
    size = 60 if table else 5
    for label, color in enumerate(CLASS_COLORS):
        points = task.x[:SHOWN_POINTS][task.y[:SHOWN_POINTS] == label]
        axes.scatter(
            points[:, 0], points[:, 1], size, color, edgecolor="white", linewidth=table, zorder=3
        )
        for x, y in points if table else ():
            axes.annotate(str(label), (x, y), (5, 4), textcoords="offset points")
    ticks = [0, 1] if table else [-1, 0, 1]
    axes.set(xticks=ticks, yticks=ticks, xlabel="A" if table else "")


def plot_learning(tasks: Mapping[str, Split], runs: Runs) -> Figure:
    """Draw the errors by pass: of the perceptron rule, and of networks on XOR."""
    figure = Figure(figsize=(8, 3))
    panels = figure.subplots(1, 3, sharey=True)
    rules = {key: group for key, group in runs.items() if key[1] == RULE}
    gates = {task: group for (task, _), group in rules.items() if task in GATES}
    points = {task: group for (task, _), group in rules.items() if task not in GATES}
    networks = {
        learner: group
        for (task, learner), group in runs.items()
        if task == "XOR" and learner != RULE
    }
    draw_errors(panels[0], gates, {task: len(tasks[task].y) for task in gates})
    draw_errors(panels[1], points, {task: len(tasks[task].y) for task in points})
    draw_errors(panels[2], networks, dict.fromkeys(networks, len(tasks["XOR"].y)))
    panels[2].set_xscale("log")
    titles = ("perceptron rule on gates", "perceptron rule on points", "gradient descent on XOR")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=title, xlabel="pass over the examples", ylim=(-0.03, 1.03))
        axes.legend(loc=LEGEND if axes is panels[0] else "upper right")
    panels[0].set_ylabel("fraction of errors, mean over seeds")
    return figure


def draw_errors(axes: Axes, groups: Mapping[str, Sequence[Run]], sizes: Mapping[str, int]) -> None:
    """Draw the mean over the seeds; a run that has ended makes no more errors.

    Args:
        axes: Axes to draw on.
        groups: Runs by label.
        sizes: Number of examples by label.
    """
    for color, (label, group) in zip(COLOR_CYCLE, groups.items(), strict=False):
        length = max(len(run.errors) for runs in groups.values() for run in runs)
        errors = np.array([pad(run.errors, length) for run in group]) / sizes[label]
        axes.plot(np.arange(1, length + 1), errors.mean(axis=0), color=color, label=label)


def pad(errors: np.ndarray, length: int) -> np.ndarray:
    """Repeat the last number of errors up to a length."""
    return np.pad(errors, (0, length - len(errors)), mode="edge")
