"""Evaluation of a classifier on the test split."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.outputs import probabilities
from stages.metrics.classification import (
    binary_curves,
    calibration,
    classification_metrics,
    confusion_records,
    most_confident_errors,
    operating_points,
    predicted_classes,
)
from stages.plots.history import plot_history
from stages.plots.images import dark_on_white, image_grid
from stages.tasks.classification import captions, plots
from stages.tasks.classifier import check_positive_class
from stages.tasks.interface import Evaluation, EvaluationContext

NUM_ERRORS = 15  # shown
ERRORS_PER_CELL = 3  # images of the confusion matrix
IMAGES_PER_ROW = 20
FNR_LIMITS = (0.2, 0.1, 0.05)  # acceptable false negative rates


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute metrics and errors on the test split.

    Raises:
        DataError: If the positive class is not the second of two.
    """
    info, test = context.info, context.load_split("test")
    check_positive_class(info)
    p = probabilities(context.bundle.model, test.x, info["input"]["type"])
    evaluation = evaluate_predictions(test.y, p, info, "test set")
    evaluation.metrics = {"test": classification_metrics(test.y, p)}
    evaluation.figures["learning_curves"] = plot_history(
        context.history, plots.PANELS, str(context.history.columns[0])
    )
    evaluation.summaries["learning_curves"] = captions.summarize_history(context.history)
    examples = most_confident_errors(test.y, p, NUM_ERRORS)
    errors = describe_errors(test.y, p, info["classes"], examples)
    add_errors(evaluation, context, test.x[examples], errors)
    if info["input"]["type"] == "image":
        examples = choose_confusions(test.y, p)
        records = describe_errors(test.y, p, info["classes"], examples)
        add_confusions(evaluation, test.x[examples], records)
    return evaluation


def evaluate_predictions(
    y: np.ndarray, p: np.ndarray, info: dict[str, Any], source: str
) -> Evaluation:
    """Draw figures of predictions, of the test split or of a cross-validation.

    Args:
        y: Classes [n].
        p: Probabilities [n, classes] by models that were not trained on the example.
        info: `classes` and `positive_class`.
        source: Source of the predictions, for titles.

    Returns:
        Evaluation without metrics.
    """
    classes, calibrated = info["classes"], calibration(y, p)
    confusion = confusion_records(y, p, classes)
    counts = np.array([record["count"] for record in confusion]).reshape(len(classes), -1)
    evaluation = Evaluation(
        metrics={},
        chart=pd.DataFrame(confusion),
        figures={
            "confusion_matrix": plots.confusion_matrix(confusion, source),
            "reliability_diagram": plots.reliability_diagram(calibrated),
        },
        data={"confusion_matrix": confusion, "reliability_diagram": calibrated},
        summaries={
            "confusion_matrix": captions.summarize_confusion(counts, classes),
            "reliability_diagram": captions.summarize_calibration(calibrated),
        },
    )
    if info.get("positive_class"):
        add_binary(evaluation, y, p[:, 1], classes, source)
    return evaluation


def add_binary(
    evaluation: Evaluation, y: np.ndarray, score: np.ndarray, classes: Sequence[str], source: str
) -> None:
    """Add curves and operating points of a binary classifier; score: [n] of class 1."""
    negative, positive = classes
    curves, points = binary_curves(y, score), operating_points(y, score, FNR_LIMITS)
    evaluation.figures |= {
        "roc_precision_recall": plots.roc_precision_recall(curves, source),
        "error_rates": plots.error_rates(curves, points, positive),
    }
    evaluation.data |= {
        "curves": curves,
        "operating_points": {
            "source": source,
            "negative_class": negative,
            "positive_class": positive,
            "points": points,
        },
    }
    evaluation.summaries |= {
        "roc_precision_recall": captions.summarize_curves(curves, positive),
        "error_rates": captions.summarize_operating_points(points, positive),
    }


def describe_errors(
    y: np.ndarray, p: np.ndarray, classes: list[str], examples: np.ndarray
) -> list[dict[str, Any]]:
    """Describe misclassified examples.

    Args:
        y: Classes [n].
        p: Probabilities [n, classes].
        classes: Names of the classes.
        examples: Indices of examples.

    Returns:
        Records of example, actual, predicted and probability.
    """
    return [
        {
            "example": int(example),
            "actual": classes[y[example]],
            "predicted": classes[p[example].argmax()],
            "probability": float(p[example].max()),
        }
        for example in examples
    ]


def choose_confusions(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the most confident errors of each cell of the confusion matrix, by row and column.

    Args:
        y: Classes [n].
        p: Probabilities [n, classes].

    Returns:
        Indices of examples, at most ERRORS_PER_CELL per cell.
    """
    errors = most_confident_errors(y, p, len(y))
    cells = pd.DataFrame({"actual": y[errors], "predicted": predicted_classes(p[errors])}, errors)
    chosen = cells.groupby(["actual", "predicted"]).head(ERRORS_PER_CELL)
    return chosen.sort_values(["actual", "predicted"], kind="stable").index.to_numpy()


def add_confusions(
    evaluation: Evaluation, images: np.ndarray, errors: list[dict[str, Any]]
) -> None:
    """Add an image grid of errors, which the page shows by cell of the confusion matrix.

    Args:
        evaluation: Evaluation to extend.
        images: Misclassified images, uint8 [n, height, width(, 3)].
        errors: Record of each image.
    """
    if not errors:
        return
    grid = image_grid(dark_on_white(images), IMAGES_PER_ROW)
    evaluation.animations["misclassified"] = [grid]
    evaluation.data["misclassified"] = {
        "columns": IMAGES_PER_ROW,
        "height": images.shape[1],
        "width": images.shape[2],
        "errors": errors,
    }


def add_errors(
    evaluation: Evaluation, context: EvaluationContext, x: np.ndarray, errors: list[dict[str, Any]]
) -> None:
    """Add the most confident errors with their image, values or raw example."""
    described = context.info["input"]
    if described["type"] == "image":
        evaluation.figures["most_confident_errors"] = plots.most_confident_errors(x, errors)
    if described["type"] == "table":
        errors = [
            error | {"values": name_values(described["columns"], row)}
            for error, row in zip(errors, x, strict=True)
        ]
    if raw := context.load_raw("test", [error["example"] for error in errors]):
        errors = [error | example for error, example in zip(errors, raw, strict=True)]
    evaluation.data["most_confident_errors"] = errors


def name_values(columns: list[dict[str, Any]], row: np.ndarray) -> dict[str, Any]:
    """Return the values of a table row by column.

    Args:
        columns: `columns` of `input` in info.json: name and, if raw values are coded, codes.
        row: Encoded row, float32 [columns], NaN where missing.

    Returns:
        Values as in the raw file, None where missing.
    """
    values: dict[str, Any] = {}
    for column, value in zip(columns, row, strict=True):
        raw = {number: text for text, number in column.get("codes", {}).items()}
        number = None if np.isnan(value) else float(value)
        values[column["name"]] = raw.get(number, number)
    return values
