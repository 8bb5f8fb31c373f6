"""Compare cross-validated classifiers fold by fold, and their errors between groups.

Reference:
    Nadeau, Bengio: Inference for the generalization error, Machine Learning 52, 2003.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest, t
from sklearn.metrics import roc_auc_score

from stages.baselines.common import Predictions

CONFIDENCE = 0.95


def compare(y: np.ndarray, ours: Predictions, network: Predictions) -> dict[str, dict[str, float]]:
    """Compare a method with the network on the same folds.

    Args:
        y: Classes [n], 0 or 1.
        ours: Predictions of the method.
        network: Predictions of the network.

    Returns:
        For accuracy and roc_auc the mean difference, method minus network, and its interval.
    """
    num_folds = int(network.folds.max()) + 1
    return {
        "accuracy": interval_of_difference(
            fold_accuracies(y, ours) - fold_accuracies(y, network), num_folds
        ),
        "roc_auc": interval_of_difference(fold_aucs(y, ours) - fold_aucs(y, network), num_folds),
    }


def fold_accuracies(
    y: np.ndarray, predictions: Predictions, among: np.ndarray | None = None
) -> np.ndarray:
    """Return the accuracy in each fold of each repeat [repeats * folds].

    Args:
        y: Classes [n].
        predictions: Predictions of a method.
        among: Rows to count, bool [n]; None for all.
    """
    counted = np.ones(len(y), bool) if among is None else among
    return np.array(
        [
            (p[held_out].argmax(axis=1) == y[held_out]).mean()
            for p, folds in zip(predictions.p, predictions.folds, strict=True)
            for held_out in ((folds == fold) & counted for fold in np.unique(folds))
        ]
    )


def fold_aucs(y: np.ndarray, predictions: Predictions) -> np.ndarray:
    """Return the area under the ROC curve in each fold of each repeat [repeats * folds]."""
    return np.array(
        [
            roc_auc_score(y[held_out], p[held_out, 1])
            for p, folds in zip(predictions.p, predictions.folds, strict=True)
            for held_out in (folds == fold for fold in np.unique(folds))
        ]
    )


def interval_of_difference(differences: np.ndarray, num_folds: int) -> dict[str, float]:
    """Compute a mean difference and its interval by the corrected resampled t-test.

    The training rows of the folds overlap, so that the folds are not independent. The correction
    adds the fraction of test to training rows to the variance of the mean.

    Args:
        differences: Differences in each fold of each repeat [repeats * folds], at least two.
        num_folds: Number of folds per repeat.

    Returns:
        mean, low and high (95 % confidence).
    """
    count, mean = len(differences), float(differences.mean())
    variance = differences.var(ddof=1) * (1 / count + 1 / (num_folds - 1))
    margin = float(t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.sqrt(variance))
    return {"mean": mean, "low": mean - margin, "high": mean + margin}


def errors_by_age(
    y: np.ndarray, score: np.ndarray, ages: np.ndarray, limits: Sequence[int]
) -> list[dict[str, Any]]:
    """Count the errors of a classifier in each age group.

    Args:
        y: Classes [n], 1 is positive.
        score: Probability of class 1 in each repeat [repeats, n].
        ages: Ages in years [n], NaN if unknown; such rows are in no group.
        limits: Ascending limits of the groups; a group includes its lower limit.

    Returns:
        A record per group, youngest first: `from` and `below` (None if open), and for each kind of
        error, false_negative and false_positive, a record of rate (mean over the repeats), low and
        high (95 % Wilson interval for the number of rows), and rows; without rows, None.
    """
    groups = []
    known = ~np.isnan(ages)
    group_of = np.digitize(np.where(known, ages, 0), limits)
    for index, (lower, upper) in enumerate(zip([None, *limits], [*limits, None], strict=True)):
        members = known & (group_of == index)
        positive, negative = members & (y == 1), members & (y == 0)
        groups.append(
            {
                "from": lower,
                "below": upper,
                "false_negative": error_rate(score[:, positive] <= 0.5),
                "false_positive": error_rate(score[:, negative] > 0.5),
            }
        )
    return groups


def error_rate(errors: np.ndarray) -> dict[str, float] | None:
    """Return the rate of errors, bool [repeats, rows], with its interval; None without rows."""
    num_rows = errors.shape[1]
    if not num_rows:
        return None
    rate = float(errors.mean())
    test = binomtest(round(rate * num_rows), num_rows)
    limits = test.proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return {"rate": rate, "low": float(limits.low), "high": float(limits.high), "rows": num_rows}


def rates(groups: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the error rates of groups as metrics, by the name of the group."""
    metrics: dict[str, dict[str, float]] = {}
    for group in groups:
        lower, upper = group["from"], group["below"]
        name = f"age_below_{upper}" if lower is None else f"age_from_{lower}"
        found = {
            f"{kind}_rate": group[kind]["rate"]
            for kind in ("false_negative", "false_positive")
            if group[kind]
        }
        metrics |= {name: found} if found else {}
    return metrics
