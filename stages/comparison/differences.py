"""Differences between two results, with the interval in which they would lie by chance."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm, t
from sklearn.metrics import roc_auc_score

from stages.baselines.comparison import CONFIDENCE, interval_of_difference

SCORES = {
    "cv.accuracy": lambda y, p: float(((p > 0.5) == y).mean()),
    "cv.roc_auc": lambda y, p: float(roc_auc_score(y, p)),
}


class Difference(NamedTuple):
    """A difference, after minus before.

    Attributes:
        value: The difference.
        low: Lower limit of its 95 % interval.
        high: Upper limit.
        basis: What the interval accounts for, in words.
    """

    value: float
    low: float
    high: float
    basis: str

    @property
    def is_significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def compare_predictions(before: np.ndarray, after: np.ndarray) -> Difference:
    """Compare the accuracies of two classifiers on the same examples, by McNemar's test.

    Args:
        before: Whether the first one is right, bool [n].
        after: Whether the second one is right, bool [n].

    Reference:
        McNemar: Note on the sampling error of the difference between correlated proportions,
        Psychometrika 12, 1947.
        Agresti, Min: Simple improved confidence intervals for comparing matched proportions,
        Statistics in Medicine 24, 2005.
    """
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    p = binomtest(won, won + lost).pvalue if won + lost else 1.0
    center = (won - lost) / (len(before) + 2)  # half an example is added to each of four counts
    error = math.sqrt(won + lost + 1 - (won - lost) ** 2 / (len(before) + 2)) / (len(before) + 2)
    margin = norm.ppf((1 + CONFIDENCE) / 2) * error
    basis = f"McNemar's test: {won} examples won, {lost} lost, p = {p:.2g}"
    return Difference((won - lost) / len(before), center - margin, center + margin, basis)


def compare_folds(before: pd.DataFrame, after: pd.DataFrame, metric: str) -> Difference:
    """Compare two cross-validations fold by fold, by the corrected resampled t-test.

    Args:
        before: Out-of-fold predictions, as in cv_predictions.csv.
        after: Those of the same folds.
        metric: Key of SCORES.

    Reference:
        Nadeau, Bengio: Inference for the generalization error, Machine Learning 52, 2003.
    """
    first, second = (score_folds(table, metric) for table in (before, after))
    interval = interval_of_difference(second - first, before["fold"].nunique())
    basis = f"corrected resampled t-test over {len(first)} folds"
    return Difference(interval["mean"], interval["low"], interval["high"], basis)


def have_same_folds(before: pd.DataFrame, after: pd.DataFrame) -> bool:
    """Return whether two cross-validations have the same examples in the same folds."""
    keys = ["example", "repeat", "fold", "label"]
    first, second = (
        table[keys].sort_values(keys[:2], ignore_index=True) for table in (before, after)
    )
    return first.equals(second)


def score_folds(table: pd.DataFrame, metric: str) -> np.ndarray:
    """Return a metric in each fold of each repeat, float64 [repeats * folds]."""
    groups = table.groupby(["repeat", "fold"])
    score = SCORES[metric]
    return np.array([score(rows["label"], rows["probability"]) for _, rows in groups])


def compare_with_seeds(before: float, after: float, results: Sequence[float]) -> Difference:
    """Compare two results with the variation over seeds of one of them.

    Args:
        before: First result.
        after: Second result.
        results: Results of at least two training runs that differ only in the seed.
    """
    std, count = float(np.std(results, ddof=1)), len(results)
    margin = float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * std * math.sqrt(2)
    value = after - before
    basis = f"variation over {count} seeds, standard deviation {std:.2g}"
    return Difference(value, value - margin, value + margin, basis)
