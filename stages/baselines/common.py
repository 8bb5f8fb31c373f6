"""Code shared by the modules of baselines: data, results, metrics of the test split."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, roc_auc_score

from stages.core.splits import Split


class Dataset(NamedTuple):
    """A processed dataset, and what belongs to its rows.

    Attributes:
        splits: Splits by name: train, validation and test.
        info: Content of info.json.
        network: Out-of-fold predictions of the network, for tables.
        bi_rads: BI-RADS of all rows of the splits, in order, float [n], NaN if missing; None if
            the dataset has none.
    """

    splits: dict[str, Split]
    info: dict[str, Any]
    network: "Predictions | None" = None
    bi_rads: np.ndarray | None = None


class Predictions(NamedTuple):
    """Out-of-fold predictions of a repeated cross-validation.

    Attributes:
        p: Probabilities [repeats, n, classes].
        folds: Fold in which each example was held out, int [repeats, n].
    """

    p: np.ndarray
    folds: np.ndarray


class Results(NamedTuple):
    """Metrics by method, and details to show; both serializable as JSON."""

    metrics: dict[str, dict[str, float]]
    details: dict[str, Any]


def score_test_split(estimator: BaseEstimator, x: Any, y: np.ndarray) -> dict[str, float]:
    """Compute the metrics of a fitted classifier on the test split.

    Args:
        estimator: Fitted classifier of scikit-learn.
        x: Inputs of n examples.
        y: Classes [n].

    Returns:
        test_accuracy; for two classes also test_roc_auc.
    """
    metrics = {"test_accuracy": float(accuracy_score(y, estimator.predict(x)))}
    if len(estimator.classes_) == 2:
        metrics["test_roc_auc"] = float(roc_auc_score(y, score(estimator, x)))
    return metrics


def score(estimator: BaseEstimator, x: Any) -> np.ndarray:
    """Return a score of class 1 [n], above 0 if it is predicted."""
    if hasattr(estimator, "decision_function"):
        return estimator.decision_function(x)
    log_p = estimator.predict_log_proba(x)
    return log_p[:, 1] - log_p[:, 0]
