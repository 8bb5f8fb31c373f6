"""Classical methods for images, fitted on the training split.

All but logistic regression see principal components of the pixels, which lose little and are an
order of magnitude fewer.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from stages.baselines.common import Dataset, Results, score_test_split


def evaluate(config: Any, dataset: Dataset) -> Results:
    """Fit each method on the training split and test it.

    Args:
        config: Section of the dataset in `baselines`.
        dataset: Images, uint8 [n, height, width].

    Returns:
        test_accuracy of each method, and its settings.
    """
    train, test = dataset.splits["train"], dataset.splits["test"]
    x, x_test = as_vectors(train.x), as_vectors(test.x)
    metrics = {}
    for name, method in config.methods.items():
        with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):
            # Logistic regression may stop before it converges: max_iter is a hyperparameter.
            fitted = build(method, config.seed).fit(x, train.y)
        metrics[name] = score_test_split(fitted, x_test, test.y)
    settings = {name: method.model_dump() for name, method in config.methods.items()}
    return Results(metrics, {"module": "images", "methods": settings})


def as_vectors(images: np.ndarray) -> np.ndarray:
    """Return images, uint8 [n, ...], as vectors of brightness from 0 to 1, float32 [n, pixels]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def build(method: Any, seed: int) -> BaseEstimator:
    """Build a classifier of vectors of pixels.

    Args:
        method: Entry of `methods`.
        seed: Seed of all random choices.
    """
    if method.name == "logistic_regression":
        return LogisticRegression(C=method.C, max_iter=method.max_iter)
    classifier = {
        "nearest_neighbors": build_neighbors,
        "gradient_boosting": build_boosting,
        "kernel_svm": build_kernel_svm,
    }[method.name](method, seed)
    return make_pipeline(PCA(method.pca_components, svd_solver="covariance_eigh"), classifier)


def build_neighbors(method: Any, seed: int) -> BaseEstimator:
    """Build a k-nearest-neighbors classifier."""
    del seed
    return KNeighborsClassifier(method.neighbors, weights="distance", algorithm="brute")


def build_boosting(method: Any, seed: int) -> BaseEstimator:
    """Build a gradient-boosting classifier; without early stopping, which would hold out images."""
    return HistGradientBoostingClassifier(
        learning_rate=method.learning_rate,
        max_iter=method.max_iter,
        max_leaf_nodes=method.max_leaf_nodes,
        early_stopping=False,
        random_state=seed,
    )


def build_kernel_svm(method: Any, seed: int) -> BaseEstimator:
    """Build a support vector machine with an RBF kernel."""
    del seed
    return SVC(C=method.C, gamma=method.gamma, cache_size=1000)
