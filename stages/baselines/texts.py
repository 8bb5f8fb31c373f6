"""Classical methods for texts, fitted on the training split: bags of words and of n-grams.

Reference:
    Wang, Manning: Baselines and bigrams: simple, good sentiment and topic classification, ACL 2012.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer
from sklearn.svm import LinearSVC

from stages.baselines.common import Dataset, Results, score_test_split
from stages.core.splits import PADDING

BASE = 1 << 16  # larger than any token id; three digits fit into an int64


class NaiveBayesWeights(TransformerMixin, BaseEstimator):
    """Multiplies each feature by its log-count ratio between the two classes.

    Attributes:
        ratio_: Logarithm of the smoothed frequency of each feature in class 1, divided by that in
            class 0 [features].
    """

    def fit(self, x: sp.csr_matrix, y: np.ndarray) -> "NaiveBayesWeights":
        """Compute the ratios of features x [n, features] for classes y [n], 0 or 1."""
        counts = [1 + np.asarray(x[y == label].sum(axis=0)).ravel() for label in (0, 1)]
        negative, positive = (np.log(count / count.sum()) for count in counts)
        self.ratio_ = positive - negative
        return self

    def transform(self, x: sp.csr_matrix) -> sp.csr_matrix:
        """Return the weighted features."""
        return sp.csr_matrix(x.multiply(self.ratio_))


class Ngrams:
    """An analyzer of CountVectorizer for texts that are token ids.

    Args:
        longest: Number of words of the longest n-grams.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest

    def __call__(self, ids: np.ndarray) -> Sequence[int]:
        """Return all n-grams of up to `longest` tokens of a padded text, uint16 [length].

        Each is a number, which is much faster to count than a tuple: the tokens as its digits.
        """
        grams = tokens = ids[ids != PADDING].astype(np.int64)
        found = tokens.tolist()
        for size in range(2, self.longest + 1):
            grams = grams[:-1] * BASE + tokens[size - 1 :]
            found += grams.tolist()
        return found


def evaluate(config: Any, dataset: Dataset) -> Results:
    """Fit each method on the training split and test it.

    Args:
        config: Section of the dataset in `baselines`.
        dataset: Token ids, uint16 [n, length].

    Returns:
        test_accuracy and test_roc_auc of each method, and its settings.
    """
    train, test = dataset.splits["train"], dataset.splits["test"]
    counted = {}
    for ngrams in sorted({method.ngrams for method in config.methods.values()}):
        counter = CountVectorizer(analyzer=Ngrams(ngrams))
        counted[ngrams] = (counter.fit_transform(train.x), counter.transform(test.x))
    metrics = {}
    for name, method in config.methods.items():
        x, x_test = counted[method.ngrams]
        metrics[name] = score_test_split(build(method, config.seed).fit(x, train.y), x_test, test.y)
    settings = {name: method.model_dump() for name, method in config.methods.items()}
    return Results(metrics, {"module": "texts", "methods": settings})


def build(method: Any, seed: int) -> BaseEstimator:
    """Build a classifier of counts of n-grams.

    Args:
        method: Entry of `methods`.
        seed: Seed of the order in which coordinates are optimized.
    """
    if method.name == "naive_bayes":
        return make_pipeline(Binarizer(), MultinomialNB(alpha=method.alpha))
    if method.name == "logistic_regression":
        return make_pipeline(
            TfidfTransformer(sublinear_tf=True), build_logistic_regression(method, seed)
        )
    if method.name == "nb_logistic_regression":
        classifier = build_logistic_regression(method, seed)
    else:
        classifier = LinearSVC(C=method.C, random_state=seed)
    return make_pipeline(Binarizer(), NaiveBayesWeights(), classifier)


def build_logistic_regression(method: Any, seed: int) -> BaseEstimator:
    """Build a logistic regression in its dual form, fast with more features than examples."""
    return LogisticRegression(C=method.C, solver="liblinear", dual=True, random_state=seed)
