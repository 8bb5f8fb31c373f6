"""Captions of the figures of a toy classifier."""

from collections.abc import Mapping

import pandas as pd

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves",
        "The step axis is logarithmic, since the curves change most in the first steps; each point "
        "is the mean since the previous one.",
    ),
    "network": Caption(
        "Activation of each hidden unit over the input plane",
        "Each unit of the first layer divides the plane along a line; the following layers combine "
        "these lines into the decision boundary on the right.",
    ),
    "training": Caption(
        "Decision boundary during training",
        "Watch when the hidden units settle and when the boundary closes around a class.",
    ),
}


def summarize(metrics: Mapping[str, float], history: pd.DataFrame) -> str:
    """Return the accuracy and the number of training steps."""
    return (
        f"Test accuracy {metrics['accuracy']:.1%} after "
        f"{int(history['training_step'].iloc[-1]):,} steps."
    )
