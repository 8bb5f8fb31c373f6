"""Transfer features learned on one dataset to another: reports/studies/<experiment>/.

Writes results.csv, metrics.json, details.json and plots/ there, as a study does. Accuracies are of
the validation split; the test split stays untouched.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.analyses.output import write_analysis
from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.paths import MODELS
from stages.core.splits import load_split
from stages.studies.findings import Summary
from stages.transfer_learning.findings import (
    compare,
    conclude,
    describe_fewest,
    differences,
)


def main(experiment: str) -> None:
    """Train with few labels, with and without transferred features."""
    params = load_params()
    config = get_section(params.transfer, experiment, "experiment")
    from stages.inference.bundle import load_model
    from stages.plots.style import figure_style
    from stages.plots.transfer import plot_accuracies, plot_gains
    from stages.transfer_learning.experiment import SCRATCH, Experiment, run_all

    # Each training has a model of its own, and TensorFlow warns of tracing its functions again.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    splits = {name: load_split(config.dataset, name) for name in ("train", "validation")}
    source = load_model(MODELS / config.source / "model.keras")
    network = params.models[config.source].network
    accuracies = run_all(Experiment(config, network, source, splits))
    labels = config.labels_per_class
    with figure_style():
        figures = {
            "accuracy": plot_accuracies(accuracies, labels),
            "gain": plot_gains(accuracies, labels, SCRATCH),
        }
    summaries = summarize(labels, accuracies)
    table = tabulate(config, accuracies)
    write_analysis(experiment, describe(config, accuracies), summaries, table, figures)


def describe(config: Any, accuracies: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what the page says of the experiment.

    Args:
        config: Section of the experiment.
        accuracies: Accuracies [seeds, numbers of labels] by method.
    """
    from stages.transfer_learning.experiment import FINE_TUNED, FROZEN, RANDOM, SCRATCH

    labels = config.labels_per_class
    gain = differences(accuracies, FINE_TUNED, SCRATCH, labels)
    frozen = differences(accuracies, FROZEN, SCRATCH, labels)
    learned = differences(accuracies, FROZEN, RANDOM, labels)
    sentences = [
        conclude(gain),
        describe_fewest(accuracies, labels),
        compare(gain, FINE_TUNED, SCRATCH),
        compare(learned, FROZEN, RANDOM),
    ]
    return {
        "question": config.question,
        "finding": " ".join(sentences),
        "models": [config.source],
        "metric": "val_accuracy",
        "captions": {
            "accuracy": {
                "title": "Accuracy by number of labels",
                "description": (
                    f"All have the layers of {config.source}. Its convolutional layers keep the "
                    f"weights learned there ({FROZEN}: only a new head is trained), are then "
                    f"trained as well ({FINE_TUNED}), keep random weights ({RANDOM}), or start "
                    f"from them ({SCRATCH}). Lines are medians of {len(config.seeds)} seeds, each "
                    "with its own labeled images; areas the range. The learning rates were chosen "
                    "on this validation split, which flatters fine-tuning a little."
                ),
                "summary": "",
            },
            "gain": {
                "title": "What transferred features gain",
                "description": (
                    "Where a line is above 0, the method is better than training from scratch on "
                    "the same labeled images."
                ),
                "summary": compare(frozen, FROZEN, SCRATCH),
            },
        },
    }


def summarize(labels: Sequence[int], accuracies: Mapping[str, np.ndarray]) -> list[Summary]:
    """Return the accuracies with all seeds, by method and number of labels per class."""
    return [
        Summary(f"{method}, {number:,} labels", values[:, column].tolist(), 0)
        for method, values in accuracies.items()
        for column, number in enumerate(labels)
    ]


def tabulate(config: Any, accuracies: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return all values: columns method, seed, labels_per_class and accuracy."""
    keys = pd.MultiIndex.from_product(
        [list(accuracies), config.seeds, config.labels_per_class],
        names=["method", "seed", "labels_per_class"],
    )
    values = np.concatenate([each.ravel() for each in accuracies.values()])
    return pd.DataFrame({"accuracy": values}, index=keys).reset_index()


if __name__ == "__main__":
    cli.run(main, "experiment")
