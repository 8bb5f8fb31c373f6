"""Captions of the figures of a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.plots.history import lowest
from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves",
        "A validation loss that rises while the training loss falls shows overfitting; dropout and "
        "augmentation affect training values only, which can therefore be worse.",
    ),
    "confusion_matrix": Caption(
        "Confusion matrix",
        "Dark off-diagonal cells are the most frequent confusions.",
    ),
    "reliability_diagram": Caption(
        "Reliability diagram",
        "Below the diagonal the model is overconfident, above it underconfident; error bars are "
        "95% confidence intervals of the accuracy, which are wide for few examples.",
    ),
    "roc_precision_recall": Caption(
        "ROC and precision-recall curves",
        "The closer a curve comes to the upper left (ROC) or upper right (precision-recall) "
        "corner, the better the score separates the classes; the dashed lines mark chance level.",
    ),
    "error_rates": Caption(
        "Error rates by decision threshold",
        "Lowering the threshold reduces false negatives at the cost of more false positives.",
    ),
    "most_confident_errors": Caption(
        "Most confident errors",
        "Check which of them are mislabeled, ambiguous or clear errors of the model.",
    ),
    "misclassified": Caption(
        "Misclassified test images",
        "The most confident errors of each cell of the confusion matrix, by actual and then by "
        "predicted class.",
    ),
}


def summarize_history(history: pd.DataFrame) -> str:
    """Return the minimum of the validation loss; empty without validation."""
    x = str(history.columns[0])
    if "val_loss" not in history:
        return ""
    best, loss = lowest(history, "val_loss", x)
    final = float(history["val_loss"].iloc[-1])
    text = f"The validation loss is lowest after {x.replace('_', ' ')} {best}: {loss:.4g} nats"
    if best < int(history[x].iloc[-1]):
        text += f"; at the end it is {final:.4g}"
    return text + "."


def summarize_confusion(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return the class with the lowest recall, and the class that it is most often confused with.

    Args:
        counts: Confusion matrix [classes, classes], actual by predicted.
        classes: Names of the classes.
    """
    totals, errors = counts.sum(axis=1), counts.copy()
    np.fill_diagonal(errors, 0)
    if not errors.any():
        return "No example is misclassified."
    hardest = int((errors.sum(axis=1) / totals.clip(min=1)).argmax())
    confused = int(errors[hardest].argmax())
    return (
        f"{classes[hardest]} is the hardest class: {errors[hardest].sum():,} of "
        f"{totals[hardest]:,} are misclassified, most often as {classes[confused]} "
        f"({errors[hardest, confused]:,})."
    )


def summarize_calibration(calibration: Mapping[str, Any]) -> str:
    """Return mean confidence, accuracy and expected calibration error."""
    bins = pd.DataFrame(calibration["bins"])
    weights = bins["examples"] / bins["examples"].sum()
    confidence, accuracy = (
        float((bins[name] * weights).sum()) for name in ("confidence", "accuracy")
    )
    return (
        f"Mean confidence {confidence:.1%}, accuracy {accuracy:.1%}; expected calibration error "
        f"{calibration['expected_calibration_error']:.2%}."
    )


def summarize_curves(curves: Mapping[str, Any], positive: str) -> str:
    """Return the areas under both curves."""
    return (
        f"ROC AUC {curves['roc_auc']:.3f}, average precision {curves['average_precision']:.3f}; "
        f"{curves['prevalence']:.1%} of the examples are {positive}."
    )


def summarize_operating_points(points: Sequence[Mapping[str, Any]], positive: str) -> str:
    """Compare the errors at the lowest false negative rate with those at the default threshold."""
    default = next(point for point in points if point["max_false_negative_rate"] is None)
    limited = [point for point in points if point["max_false_negative_rate"] is not None]
    strict = min(limited, key=lambda point: point["max_false_negative_rate"])
    return (
        f"Moving the threshold from {default['threshold']:.2f} to {strict['threshold']:.2f} "
        f"changes the false negatives ({positive}) from {default['false_negatives']:,} to "
        f"{strict['false_negatives']:,} of {strict['positives']:,}, and the false positives from "
        f"{default['false_positives']:,} to "
        f"{strict['false_positives']:,} of {strict['negatives']:,}."
    )
