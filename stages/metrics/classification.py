"""Classification metrics, from labels and probabilities.

In all functions, y are class labels [n] and p are probabilities [n, classes]. In binary
classification, class 1 is the positive class and its probability is called the score.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics as sk

MAX_CURVE_POINTS = 200
DEFAULT_THRESHOLD = 0.5


def predicted_classes(p: np.ndarray) -> np.ndarray:
    """Return the most probable class of each example [n]; the first in case of ties."""
    return p.argmax(axis=1)


def classification_metrics(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Compute all metrics of a classifier.

    Args:
        y: Classes [n].
        p: Probabilities [n, classes].

    Returns:
        accuracy; loss, the mean cross-entropy in nats; f1_macro; for two classes also roc_auc,
        false_positive_rate and false_negative_rate at a threshold of 0.5.
    """
    predicted, labels = predicted_classes(p), np.arange(p.shape[1])
    metrics = {
        "accuracy": float(sk.accuracy_score(y, predicted)),
        "loss": float(sk.log_loss(y, p.astype(np.float64), labels=labels)),
        "f1_macro": float(
            sk.f1_score(y, predicted, labels=labels, average="macro", zero_division=0)
        ),
    }
    if len(labels) == 2:
        errors = count_errors(y, predicted == 1)
        metrics |= {
            "roc_auc": float(sk.roc_auc_score(y, p[:, 1])),
            "false_positive_rate": errors["false_positive_rate"],
            "false_negative_rate": errors["false_negative_rate"],
        }
    return metrics


def count_errors(y: np.ndarray, predicted_positive: np.ndarray) -> dict[str, Any]:
    """Count the errors of a binary classifier.

    Args:
        y: Classes [n], 0 or 1; each must occur.
        predicted_positive: Whether class 1 is predicted, bool [n].

    Returns:
        Counts false_negatives, positives, false_positives and negatives, and both error rates.
    """
    positives, negatives = int(np.sum(y == 1)), int(np.sum(y == 0))
    false_negatives = int(np.sum((y == 1) & ~predicted_positive))
    false_positives = int(np.sum((y == 0) & predicted_positive))
    return {
        "false_negatives": false_negatives,
        "positives": positives,
        "false_negative_rate": false_negatives / positives,
        "false_positives": false_positives,
        "negatives": negatives,
        "false_positive_rate": false_positives / negatives,
    }


def confusion_records(y: np.ndarray, p: np.ndarray, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the confusion matrix as a record per pair of classes: actual, predicted, count."""
    counts = sk.confusion_matrix(y, predicted_classes(p), labels=np.arange(len(classes)))
    return [
        {"actual": actual, "predicted": predicted, "count": int(counts[i, j])}
        for i, actual in enumerate(classes)
        for j, predicted in enumerate(classes)
    ]


def calibration(y: np.ndarray, p: np.ndarray, num_bins: int = 10) -> dict[str, Any]:
    """Compute accuracy by confidence, the probability of the predicted class.

    The bins are equally wide, from 1 / classes, the lowest possible confidence, to 1. The expected
    calibration error is the mean absolute difference of accuracy and confidence over the bins,
    weighted by their number of examples.

    Args:
        y: Classes [n].
        p: Probabilities [n, classes].
        num_bins: Number of bins; empty bins are omitted.

    Returns:
        expected_calibration_error, and bins: a list of records with confidence and accuracy (both
        means), low and high (95 % Wilson interval of the accuracy), examples.

    Reference:
        Guo et al.: On calibration of modern neural networks, ICML 2017.
    """
    confidence, correct = p.max(axis=1), predicted_classes(p) == y
    edges = np.linspace(1 / p.shape[1], 1, num_bins + 1)
    bins = np.searchsorted(edges[1:-1], confidence)
    examples = np.bincount(bins, minlength=num_bins)
    filled = np.flatnonzero(examples)
    examples = examples[filled]
    hits = np.bincount(bins, correct, num_bins)[filled]
    mean_confidence = np.bincount(bins, confidence, num_bins)[filled] / examples
    gaps = np.abs(hits / examples - mean_confidence)
    intervals = [
        binomtest(int(k), int(n)).proportion_ci(method="wilson")
        for k, n in zip(hits, examples, strict=True)
    ]
    return {
        "expected_calibration_error": float(gaps @ examples / len(y)),
        "bins": [
            {
                "confidence": float(mean_confidence[index]),
                "accuracy": float(hits[index] / examples[index]),
                "low": float(interval.low),
                "high": float(interval.high),
                "examples": int(examples[index]),
            }
            for index, interval in enumerate(intervals)
        ],
    }


def operating_points(
    y: np.ndarray, score: np.ndarray, fnr_limits: Sequence[float]
) -> list[dict[str, Any]]:
    """Choose thresholds for acceptable false negative rates, and count the errors of each.

    For each limit it is the highest threshold at which the rate is within the limit, except that
    a higher threshold that does not reduce false positives is never chosen. A score at or above
    the threshold is predicted positive; at the default of 0.5, above it, as in
    `predicted_classes`.

    Args:
        y: Classes [n], 0 or 1; each must occur.
        score: Probability of class 1 [n].
        fnr_limits: Highest acceptable false negative rates, each less than 1.

    Returns:
        A record per limit and one for the default, whose limit is None; highest threshold first:
        max_false_negative_rate, threshold and the counts and rates of `count_errors`.
    """
    _, rates, thresholds = sk.det_curve(y, score, drop_intermediate=False)
    points: list[tuple[float | None, float, np.ndarray]] = [
        (None, DEFAULT_THRESHOLD, score > DEFAULT_THRESHOLD)
    ]
    for limit in fnr_limits:
        threshold = float(thresholds[np.searchsorted(rates, limit, side="right") - 1])
        points.append((limit, threshold, score >= threshold))
    records = [
        {"max_false_negative_rate": limit, "threshold": threshold} | count_errors(y, predicted)
        for limit, threshold, predicted in points
    ]
    return sorted(records, key=lambda record: -record["threshold"])


def binary_curves(y: np.ndarray, score: np.ndarray) -> dict[str, Any]:
    """Compute ROC and precision-recall curves, and both error rates by threshold.

    Args:
        y: Classes [n], 0 or 1; each must occur.
        score: Probability of class 1 [n].

    Returns:
        roc (false_positive_rate, true_positive_rate, threshold), precision_recall (recall,
        precision, threshold) and error_rates (threshold, false_positive_rate,
        false_negative_rate), each a dictionary of equally long lists; roc_auc, average_precision
        and prevalence, the fraction of positives. At the end of a curve where no example is
        predicted positive, the threshold is 1.
    """
    false_positive_rate, true_positive_rate, roc_thresholds = sk.roc_curve(y, score)
    precision, recall, pr_thresholds = sk.precision_recall_curve(y, score)
    thresholds = np.linspace(0, 1, 101)
    errors = [count_errors(y, score > threshold) for threshold in thresholds]
    return {
        "roc": thin(
            {
                "false_positive_rate": false_positive_rate,
                "true_positive_rate": true_positive_rate,
                "threshold": np.minimum(roc_thresholds, 1),  # the first is infinite
            }
        ),
        "precision_recall": thin(
            {
                "recall": recall,
                "precision": precision,
                "threshold": np.append(pr_thresholds, 1),
            }
        ),
        "error_rates": {
            "threshold": thresholds.round(6).tolist(),
            "false_positive_rate": [point["false_positive_rate"] for point in errors],
            "false_negative_rate": [point["false_negative_rate"] for point in errors],
        },
        "roc_auc": float(sk.roc_auc_score(y, score)),
        "average_precision": float(sk.average_precision_score(y, score)),
        "prevalence": float(np.mean(y == 1)),
    }


def thin(
    columns: Mapping[str, np.ndarray], max_points: int = MAX_CURVE_POINTS
) -> dict[str, list[float]]:
    """Return at most `max_points` points of a curve, evenly spaced, both ends included."""
    length = len(next(iter(columns.values())))
    points = np.unique(np.linspace(0, length - 1, max_points).astype(int))
    return {name: values[points].round(6).tolist() for name, values in columns.items()}


def most_confident_errors(y: np.ndarray, p: np.ndarray, max_examples: int) -> np.ndarray:
    """Return indices of at most `max_examples` errors, the most confident first."""
    predicted = predicted_classes(p)
    errors = np.flatnonzero(predicted != y)
    order = np.argsort(-p[errors, predicted[errors]], kind="stable")
    return errors[order][:max_examples]


def cross_validation_metrics(y: np.ndarray, p: np.ndarray, folds: np.ndarray) -> dict[str, float]:
    """Compute metrics of a repeated cross-validation.

    Args:
        y: Classes [n].
        p: Out-of-fold probabilities [repeats, n, classes].
        folds: Fold in which each example was held out [repeats, n].

    Returns:
        accuracy and accuracy_std, mean and standard deviation over all folds of all repeats; for
        two classes also roc_auc, the mean over them.
    """
    fold_metrics = [
        classification_metrics(y[held_out], probabilities[held_out])
        for probabilities, fold in zip(p, folds, strict=True)
        for held_out in (fold == number for number in np.unique(fold))
    ]
    accuracies = [metrics["accuracy"] for metrics in fold_metrics]
    summary = {"accuracy": float(np.mean(accuracies)), "accuracy_std": float(np.std(accuracies))}
    if p.shape[2] == 2:
        summary["roc_auc"] = float(np.mean([metrics["roc_auc"] for metrics in fold_metrics]))
    return summary
