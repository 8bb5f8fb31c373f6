"""Anomaly detection: images that an autoencoder reconstructs badly."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from stages.inference.outputs import predict_arrays
from stages.metrics.classification import thin
from stages.tasks.interface import Evaluation
from stages.tasks.reconstruction import captions, plots

FALSE_POSITIVE_RATE = 0.05  # at which detected anomalies are counted
NUM_SHOWN = 14


def detect(model: keras.Model, images: Mapping[str, np.ndarray]) -> Evaluation:
    """Rank ordinary images and anomalies by their reconstruction error.

    Args:
        model: Autoencoder of ordinary images.
        images: Ordinary images and then anomalies, by dataset, uint8 [n, height, width].

    Returns:
        Metrics roc_auc and true_positive_rate (at FALSE_POSITIVE_RATE), the ROC curve, a histogram,
        and the ordinary images with the largest errors.
    """
    (ordinary, outliers), decoded = images, {}
    errors = {}
    for name, examples in images.items():
        decoded[name] = predict_arrays(model, examples)
        errors[name] = image_errors(examples, decoded[name])
    y = np.repeat([0, 1], [len(errors[ordinary]), len(errors[outliers])])
    score = np.concatenate([errors[ordinary], errors[outliers]])
    roc_auc = float(roc_auc_score(y, score))
    threshold = np.quantile(errors[ordinary], 1 - FALSE_POSITIVE_RATE)
    detected = float((errors[outliers] > threshold).mean())
    false_positives, true_positives, _ = roc_curve(y, score)
    curve = thin({"false_positive_rate": false_positives, "true_positive_rate": true_positives})
    worst = np.argsort(-errors[ordinary], kind="stable")[:NUM_SHOWN]
    rows = {
        "original": images[ordinary][worst],
        "reconstruction": np.rint(255 * decoded[ordinary][worst]).astype(np.uint8),
    }
    return Evaluation(
        metrics={"anomalies": {"roc_auc": roc_auc, "true_positive_rate": detected}},
        chart=pd.DataFrame(curve),
        figures={
            "roc_curve": plots.roc_curve(curve, roc_auc),
            "error_distribution": plots.error_distribution(errors),
            "largest_errors": plots.labeled_rows(rows),
        },
        data=describe(curve, worst, errors[ordinary][worst]),
        summaries={
            "roc_curve": captions.summarize_anomalies(
                roc_auc, detected, FALSE_POSITIVE_RATE, ordinary, outliers
            )
        },
    )


def image_errors(images: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each image, float64 [n].

    Args:
        images: Images, uint8 [n, height, width].
        decoded: Their reconstructions, 0 to 1, of the same shape.
    """
    differences = decoded.astype(np.float64) - images / 255
    mean: np.ndarray = (differences**2).reshape(len(images), -1).mean(axis=1)
    return mean


def describe(curve: Any, worst: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    """Return the values behind the figures: the curve, and the examples with the largest errors."""
    return {
        "roc_curve": curve,
        "largest_errors": {"examples": worst.tolist(), "errors": errors.round(6).tolist()},
    }
