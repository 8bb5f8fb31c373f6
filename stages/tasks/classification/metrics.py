"""Numbers from labels and probabilities."""

from typing import Any

import numpy as np
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve


def classification(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Accuracy, loss (mean cross-entropy, nats) and macro F1; for two classes also the others.

    Args:
        y: [n] classes.
        p: [n, classes] probabilities; a row is called for the class with the largest.
    """
    predicted = p.argmax(axis=1)
    classes = np.arange(p.shape[1])
    scores = {
        "accuracy": float(sk.accuracy_score(y, predicted)),
        "loss": float(sk.log_loss(y, p, labels=classes)),
        "f1_macro": float(sk.f1_score(y, predicted, labels=classes, average="macro")),
    }
    return scores | (binary(y, p[:, 1]) if len(classes) == 2 else {})


def binary(y: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """ROC AUC, and the rates of both errors at a threshold of 0.5; score: [n], of class 1."""
    rates = error_rates(y, score, np.array([0.5]))
    return {
        "roc_auc": float(sk.roc_auc_score(y, score)),
        "false_positive_rate": float(rates["false_positive_rate"][0]),
        "false_negative_rate": float(rates["false_negative_rate"][0]),
    }


def error_rates(y: np.ndarray, score: np.ndarray, thresholds: np.ndarray) -> dict[str, np.ndarray]:
    """Both error rates where a row whose score is above the threshold is called positive.

    The false positive rate is the share of the negative rows that are called positive, the false
    negative rate that of the positive rows that are called negative. All arrays: [thresholds].
    """
    called = score > thresholds[:, None]
    return {
        "threshold": thresholds,
        "false_positive_rate": called[:, y == 0].mean(axis=1),
        "false_negative_rate": (~called[:, y == 1]).mean(axis=1),
    }


def cross_validation(y: np.ndarray, scores: np.ndarray, folds: np.ndarray) -> dict[str, float]:
    """Mean and deviation over all folds of the accuracy, and mean ROC AUC.

    Args:
        y: [n] 0 or 1.
        scores: [repeats, n] probability of class 1, by a model that was not trained on the row.
        folds: [repeats, n] the fold in which the row was held out.
    """
    held_out = [
        (y[rows], score[rows])
        for score, fold in zip(scores, folds, strict=True)
        for rows in (fold == index for index in np.unique(fold))
    ]
    accuracy = [np.mean((score > 0.5) == truth) for truth, score in held_out]
    auc = [sk.roc_auc_score(truth, score) for truth, score in held_out]
    return {
        "accuracy": float(np.mean(accuracy)),
        "accuracy_std": float(np.std(accuracy)),
        "roc_auc": float(np.mean(auc)),
    }


def confusion(y: np.ndarray, p: np.ndarray, classes: list[str]) -> list[dict[str, Any]]:
    """How often each class was called each class: a record a pair, those of 0 too."""
    counts = sk.confusion_matrix(y, p.argmax(axis=1), labels=range(len(classes)))
    return [
        {"actual": actual, "predicted": predicted, "count": int(counts[i, j])}
        for i, actual in enumerate(classes)
        for j, predicted in enumerate(classes)
    ]


def calibration(y: np.ndarray, p: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """How often the model is right when it says it is sure: accuracy by confidence.

    The bins hold equally many rows. The expected calibration error is the mean gap, weighted by
    rows (Guo et al.: On calibration of modern neural networks, ICML 2017).
    """
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    accuracy, mean_confidence = calibration_curve(
        right, confidence, n_bins=bins, strategy="quantile"
    )
    edges = np.quantile(confidence, np.linspace(0, 1, bins + 1))
    rows = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=bins)
    rows = rows[rows > 0]
    gap = float(np.abs(accuracy - mean_confidence) @ rows / rows.sum())
    return {
        "confidence": mean_confidence.tolist(),
        "accuracy": accuracy.tolist(),
        "expected_calibration_error": gap,
    }


def curves(y: np.ndarray, score: np.ndarray, points: int = 200) -> dict[str, Any]:
    """ROC, precision-recall and both error rates by threshold, for scores [n] of class 1."""
    false_positive, true_positive, _ = sk.roc_curve(y, score)
    precision, recall, _ = sk.precision_recall_curve(y, score)
    rates = error_rates(y, score, np.linspace(0, 1, 101))
    return {
        "roc": thin(
            {"false_positive_rate": false_positive, "true_positive_rate": true_positive}, points
        ),
        "precision_recall": thin({"recall": recall, "precision": precision}, points),
        "thresholds": {name: values.tolist() for name, values in rates.items()},
    }


def thin(columns: dict[str, np.ndarray], points: int) -> dict[str, list[float]]:
    """At most `points` of the rows of `columns`, evenly spaced, both ends kept."""
    length = len(next(iter(columns.values())))
    rows = np.unique(np.linspace(0, length - 1, points).astype(int))
    return {name: values[rows].round(6).tolist() for name, values in columns.items()}


def trade_offs(
    y: np.ndarray, score: np.ndarray, misses: tuple[float, ...]
) -> dict[str, list[float]]:
    """The highest threshold that misses at most each share of the positive rows, and its price.

    Returns: by column, for 0.5 and each of `misses`: threshold, both counts of errors and of the
        rows in which they can be made, both rates.
    """
    grid = error_rates(y, score, np.linspace(0, 1, 1001))
    thresholds = [0.5]
    for share in misses:
        allowed = grid["threshold"][grid["false_negative_rate"] <= share]
        thresholds.append(float(allowed.max()) if len(allowed) else 0.0)
    rates = error_rates(y, score, np.array(thresholds))
    positives, negatives = int(y.sum()), int(len(y) - y.sum())
    missed, alarms = rates["false_negative_rate"], rates["false_positive_rate"]
    return {
        "threshold": thresholds,
        "false_negatives": np.rint(missed * positives).astype(int).tolist(),
        "false_negative_rate": missed.tolist(),
        "positives": [positives] * len(thresholds),
        "false_positives": np.rint(alarms * negatives).astype(int).tolist(),
        "false_positive_rate": alarms.tolist(),
        "negatives": [negatives] * len(thresholds),
    }


def worst_mistakes(y: np.ndarray, p: np.ndarray, most: int) -> np.ndarray:
    """The rows that were called a wrong class with the greatest probability, worst first."""
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != y)
    return wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][:most]
