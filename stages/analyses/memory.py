"""Measure how far back recurrent networks remember: reports/studies/memory/.

The recurrent networks of movie reviews do not show it: their outputs are pooled over all words, so
that every word is close to the loss. Here small networks have to recall the first symbol of a
sequence, see stages/analyses/recurrent.py.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.analyses.memory_findings import describe_gradients, describe_recall, relative
from stages.analyses.output import write_analysis
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.studies.findings import Summary

MEASURES = ("accuracy", "initial_gradient", "trained_gradient")


def main() -> None:
    """Train and measure the networks of the section `analyses.memory` of params.yaml."""
    from stages.plots.memory import plot_gradients, plot_recall
    from stages.plots.style import figure_style

    settings = load_params().analyses.memory
    measured = measure_all(settings)
    gradients = {
        title: {cell: relative(values) for cell, values in measured[name].items()}
        for title, name in (
            ("At random initialization", "initial_gradient"),
            ("After training", "trained_gradient"),
        )
    }
    with figure_style():
        figures = {
            "recall": plot_recall(measured["accuracy"], settings.distances, settings.num_symbols),
            "gradients": plot_gradients(gradients, settings.distances),
        }
    table = tabulate(settings, measured)
    write_analysis(
        "memory", describe(settings, measured), summarize(settings, measured), table, figures
    )


def measure_all(settings: Any) -> dict[str, dict[str, np.ndarray]]:
    """Train a network of each cell with each seed.

    Args:
        settings: Section of the analysis.

    Returns:
        Values [seeds, distances] by measure and cell.
    """
    measured: dict[str, dict[str, np.ndarray]] = {name: {} for name in MEASURES}
    for cell in settings.cells:
        runs = [measure(cell, seed, settings) for seed in settings.seeds]
        for name in MEASURES:
            measured[name][cell] = np.array([run[name] for run in runs])
    return measured


def measure(cell: str, seed: int, settings: Any) -> dict[str, list[float]]:
    """Train a network and return its MEASURES by distance."""
    from stages.analyses.recurrent import build, measure_accuracy, measure_gradients, train
    from stages.learning.runtime import session

    num_symbols = settings.num_symbols
    sequences = (settings.distances, settings.num_sequences, num_symbols, seed)
    with session(seed, "float32"):
        model = build(cell, settings.units, num_symbols)
        initial = measure_gradients(model, *sequences)
        train(model, settings.training, settings.distances[-1], num_symbols, seed)
        return {
            "accuracy": measure_accuracy(model, *sequences),
            "initial_gradient": initial,
            "trained_gradient": measure_gradients(model, *sequences),
        }


def describe(settings: Any, measured: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Return what the page says of the analysis; see `measure_all`."""
    distances, accuracies = settings.distances, measured["accuracy"]
    initial, trained = (
        describe_gradients(measured[name], distances, condition)
        for name, condition in (
            ("initial_gradient", "At random initialization"),
            ("trained_gradient", "After training"),
        )
    )
    return {
        "question": settings.question,
        "finding": f"{describe_recall(accuracies, distances, settings.compared)} {trained}",
        "models": [],
        "metric": "val_accuracy",
        "captions": {
            "recall": {
                "title": "Recall of the first symbol of a sequence",
                "description": (
                    f"Networks of {settings.units} units read one of {settings.num_symbols} "
                    "random symbols per step, and at the end have to name the first. Lines "
                    f"are medians of {len(settings.seeds)} seeds, areas the range."
                ),
                "summary": "",
            },
            "gradients": {
                "title": "Vanishing gradients",
                "description": (
                    "Norm of the gradient of the loss at the end with respect to the symbol, as a "
                    "fraction of that without any step between them, on a logarithmic scale."
                ),
                "summary": initial,
            },
        },
    }


def summarize(settings: Any, measured: Mapping[str, Mapping[str, np.ndarray]]) -> list[Summary]:
    """Return the accuracies with all seeds, by cell and distance."""
    return [
        Summary(f"{cell}, {distance} steps", values[:, column].tolist(), 0)
        for cell, values in measured["accuracy"].items()
        for column, distance in enumerate(settings.distances)
    ]


def tabulate(settings: Any, measured: Mapping[str, Mapping[str, np.ndarray]]) -> pd.DataFrame:
    """Return all values: columns cell, seed, distance and MEASURES."""
    keys = pd.MultiIndex.from_product(
        [settings.cells, settings.seeds, settings.distances], names=["cell", "seed", "distance"]
    )
    columns = {
        name: np.concatenate([values.ravel() for values in by_cell.values()])
        for name, by_cell in measured.items()
    }
    return pd.DataFrame(columns, index=keys).reset_index()


if __name__ == "__main__":
    exit_on_error(main)
