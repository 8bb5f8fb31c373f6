"""Figures of a sweep: history, importance, slices."""

from collections.abc import Sequence

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from stages.config.sweeps import Choices, Range, Sweep
from stages.plots.colors import REFERENCE, TEST, TRAINING, VALIDATION
from stages.search.results import DEFAULTS, get_result
from stages.search.space import name_choice

COLUMNS = 4
IMPORTANCE_TREES = 64


def plot_history(trials: Sequence[FrozenTrial], sweep: Sweep, best: int) -> Figure:
    """Draw the result of each trial, and the best so far.

    Args:
        trials: All trials.
        sweep: The sweep.
        best: Number of the proposed trial.
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in trials if is_pruned(trial)]
    axes.plot(*points(pruned), "x", color=REFERENCE, markersize=4, label="pruned")
    axes.plot(*points(complete), "o", color=TRAINING, markersize=4, label="complete")
    numbers, results = points(complete)
    accumulate = np.maximum if sweep.direction == "maximize" else np.minimum
    if results:
        so_far = accumulate.accumulate(results)
        axes.step(numbers, so_far, where="post", color=TRAINING, linewidth=1, label="best so far")
    mark_defaults(axes, trials)
    mark_best(axes, trials, best, [best])
    axes.set(xlabel="trial", ylabel=describe_metric(sweep))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def describe_metric(sweep: Sweep) -> str:
    """Return the label of the metric."""
    kind, _, name = sweep.metric.replace("val_", "val.").partition(".")
    name = name.replace("_", " ").replace("roc auc", "ROC AUC")
    return f"{'cross-validated' if kind == 'cv' else 'validation'} {name}"


def points(trials: Sequence[FrozenTrial]) -> tuple[list[int], list[float]]:
    """Return the numbers and results of trials that have a result."""
    found = [(trial.number, result) for trial in trials if (result := get_result(trial))]
    return [number for number, _ in found], [result for _, result in found]


def is_pruned(trial: FrozenTrial) -> bool:
    """Return whether a trial was pruned after at least a step."""
    return trial.state == TrialState.PRUNED and get_result(trial) is not None


def mark_defaults(axes: Axes, trials: Sequence[FrozenTrial]) -> None:
    """Draw a line at the result with the values of params.yaml."""
    if (result := get_result(trials[DEFAULTS])) is not None:
        axes.axhline(result, color=VALIDATION, linewidth=1, linestyle="--", label="params.yaml")


def mark_best(axes: Axes, trials: Sequence[FrozenTrial], best: int, x: Sequence[float]) -> None:
    """Draw a ring around the proposed trial at position `x`."""
    result = get_result(trials[best])
    if best == DEFAULTS or result is None:
        return
    axes.plot(
        x,
        [result],
        "o",
        color=TEST,
        markersize=10,
        markerfacecolor="none",
        label="proposed",
    )


def compute_importance(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return how much of the variance of the results each dimension explains.

    Args:
        study: Study with all trials.
        seed: Seed of the random forest.

    Returns:
        Fractions by dotted key, the largest first; empty if there are too few complete trials.

    Reference:
        Hutter et al.: An efficient approach for assessing hyperparameter importance, ICML 2014.
    """
    results = {get_result(trial) for trial in study.trials if trial.state == TrialState.COMPLETE}
    if len(results) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=IMPORTANCE_TREES, seed=seed)
    return optuna.importance.get_param_importances(study, evaluator=evaluator)


def plot_importance(importance: dict[str, float]) -> Figure:
    """Draw the importance of each dimension."""
    figure = Figure(figsize=(6.4, 0.6 + 0.28 * len(importance)))
    axes = figure.subplots()
    names = list(importance)[::-1]
    axes.barh([shorten(name) for name in names], [importance[name] for name in names])
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="fraction of the variance of complete trials (fANOVA)", xlim=(0, None))
    return figure


def shorten(key: str) -> str:
    """Return the last part of a dotted key, in words."""
    return key.rpartition(".")[2].replace("_", " ")


def plot_slices(trials: Sequence[FrozenTrial], sweep: Sweep, best: int) -> Figure:
    """Draw the results by the value of each dimension.

    Args:
        trials: All trials.
        sweep: The sweep.
        best: Number of the proposed trial.
    """
    columns = min(COLUMNS, len(sweep.space))
    rows = -(-len(sweep.space) // columns)
    figure = Figure(figsize=(2.3 * columns + 0.6, 2.1 * rows + 0.2))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(sweep.space) :]:
        axes.set_visible(False)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in trials if is_pruned(trial)]
    for axes, (key, dimension) in zip(grid.flat, sweep.space.items(), strict=False):
        for group, marker, color in ((pruned, "x", REFERENCE), (complete, "o", TRAINING)):
            x = [position(trial.params[key], dimension) for trial in group]
            axes.plot(x, [get_result(trial) for trial in group], marker, color=color, markersize=3)
        mark_defaults(axes, trials)
        mark_best(axes, trials, best, [position(trials[best].params[key], dimension)])
        axes.set_xlabel(shorten(key))
        if isinstance(dimension, Choices):
            labels = [str(name_choice(value)) for value in dimension.choices]
            axes.set_xticks(range(len(labels)), labels, fontsize=7)
            axes.margins(x=0.2)
        elif dimension.log:
            axes.set_xscale("log")
    for axes in grid[:, 0]:
        axes.set_ylabel(describe_metric(sweep), fontsize=8)
    return figure


def position(stored: object, dimension: Range | Choices) -> float:
    """Return where a value is on the axis of its dimension."""
    if isinstance(dimension, Choices):
        return [name_choice(value) for value in dimension.choices].index(stored)
    return float(stored)  # type: ignore[arg-type]
