"""Captions of the figures of a toy classifier."""

from collections.abc import Mapping

import pandas as pd

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves",
        "Steps are on a logarithmic axis, since what is learned first changes most; between two "
        "points values are means.",
    ),
    "network": Caption(
        "Activation of each hidden unit over the input plane",
        "Each unit of the first layer divides the plane by a line; the layers after it combine "
        "these lines into the decision boundary on the right.",
    ),
    "training": Caption(
        "Decision boundary during training",
        "Watch when units take up their lines and when the boundary closes around a class.",
    ),
}


def conclude(metrics: Mapping[str, float], history: pd.DataFrame) -> str:
    """The accuracy, and the length of the training."""
    return (
        f"Test accuracy {metrics['accuracy']:.1%} after "
        f"{int(history['training_step'].iloc[-1]):,} steps."
    )
