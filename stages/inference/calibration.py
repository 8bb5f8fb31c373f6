"""Calibration of a classifier: models/<model>/calibration.json.

temperature   divides the logits, so that confidence is accuracy on the validation split
threshold     confidence below which the answer is "I do not know"
unlike        what an input must be like for the accuracy of the validation split to hold:
              type features: the Mahalanobis distance of the last hidden layer, projected on a few
              random directions, to the nearest class; type ranges: least and largest numbers of
              columns; type words: shares of unknown and of frequent words
validation    what this was chosen by: examples, accuracy, and calibration errors

Reference:
    Guo et al.: On calibration of modern neural networks, ICML 2017.
    Lee et al.: A simple unified framework for detecting out-of-distribution samples and adversarial
    attacks, NeurIPS 2018.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.splits import PADDING
from stages.encoding.text import SPECIAL_TOKENS, UNKNOWN

DIRECTIONS = 48  # random directions on which features are projected
QUANTILE = 0.999  # of validation examples are like the training data
FREQUENT_WORDS = 100
MIN_WORDS = 8  # of a text whose share of frequent words says something
LEAST = 1e-12  # probability, since log 0 is infinite


def apply_temperature(p: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities [n, classes] of logits that are divided by `temperature`."""
    logits = np.log(np.maximum(p, LEAST)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    normalized: np.ndarray = scaled / scaled.sum(axis=1, keepdims=True)
    return normalized


def negative_log_likelihood(p: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of -log of the probability of the true class y [n]."""
    return float(-np.mean(np.log(np.maximum(p[np.arange(len(y)), y], LEAST))))


def fit_temperature(p: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature, 0.05 to 20, of the least negative log likelihood.

    Args:
        p: Probabilities [n, classes].
        y: True classes [n].
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log: negative_log_likelihood(apply_temperature(p, math.exp(log)), y),
        bounds=(math.log(0.05), math.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def choose_threshold(confidence: np.ndarray, correct: np.ndarray, accuracy: float) -> float:
    """Choose the confidence below which the answer is "I do not know".

    Args:
        confidence: Probabilities of the most probable class [n].
        correct: Whether it is the true one [n].
        accuracy: Wanted share of right ones among the answered examples.

    Returns:
        The lowest confidence such that at least `accuracy` of the examples with it or more are
        right; if there is none that answers half of the examples, the one that does. At most 1.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    shares = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    half = math.ceil(len(order) / 2)
    reached = np.flatnonzero(shares >= accuracy) + 1
    last = int(reached.max()) if reached.size and reached.max() >= half else half
    return float(sorted_confidence[last - 1])


def project(features: np.ndarray) -> np.ndarray:
    """Project features [n, size] on random directions, float64 [n, DIRECTIONS].

    The directions need not be stored: NumPy guarantees the numbers of RandomState for a seed.
    """
    directions = np.random.RandomState(0).standard_normal((features.shape[1], DIRECTIONS))
    projected: np.ndarray = features.astype(np.float64) @ directions / math.sqrt(DIRECTIONS)
    return projected


def fit_features(features: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Describe features [n, size] of examples with classes y [n]; see the module's docstring."""
    projected = project(features)
    means = np.stack([projected[y == each].mean(axis=0) for each in np.unique(y)])
    centered = projected - means[np.searchsorted(np.unique(y), y)]
    covariance = centered.T @ centered / len(y)
    covariance += 1e-3 * np.trace(covariance) / DIRECTIONS * np.eye(DIRECTIONS)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    description = {"means": round_all(means), "whitening": round_all(whitening)}
    distances = measure_features(projected, description)
    return {"type": "features", **description, "limit": float(np.quantile(distances, QUANTILE))}


def measure_features(projected: np.ndarray, description: Mapping[str, Any]) -> np.ndarray:
    """Return the Mahalanobis distances [n] of projected features to the nearest class."""
    whitening = np.array(description["whitening"])
    whitened = projected @ whitening.T
    means = np.array(description["means"]) @ whitening.T
    squared = (whitened**2).sum(1)[:, None] - 2 * whitened @ means.T + (means**2).sum(1)
    distances: np.ndarray = np.sqrt(np.maximum(squared, 0)).min(axis=1)
    return distances


def round_all(values: np.ndarray) -> list[list[float]]:
    """Round a matrix to six significant digits, as nested lists."""
    return [[float(f"{value:.6g}") for value in row] for row in values]


def fit_ranges(x: np.ndarray, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ranges of the numbers of a table x [n, columns]; codes are checked by encoding."""
    ranges = {
        column["name"]: {
            "position": position,
            "least": float(np.nanmin(values)),
            "most": float(np.nanmax(values)),
        }
        for position, (column, values) in enumerate(zip(columns, x.T, strict=True))
        if "codes" not in column
    }
    return {"type": "ranges", "columns": ranges}


def fit_words(x: np.ndarray) -> dict[str, Any]:
    """Describe the words of texts, token ids x [n, length]."""
    unknown, frequent = word_shares(x)
    long_enough = (x != PADDING).sum(axis=1) >= MIN_WORDS
    return {
        "type": "words",
        "max_unknown": float(np.quantile(unknown[long_enough], QUANTILE)),
        "min_frequent": float(np.quantile(frequent[long_enough], 1 - QUANTILE)),
    }


def word_shares(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of unknown and of frequent words in texts, token ids x [n, length]."""
    words = np.maximum((x != PADDING).sum(axis=1), 1)
    first = len(SPECIAL_TOKENS)  # the vocabulary is sorted by frequency
    frequent = (x >= first) & (x < first + FREQUENT_WORDS)
    return (x == UNKNOWN).sum(axis=1) / words, frequent.sum(axis=1) / words


def find_unlike(x: np.ndarray, features: np.ndarray | None, unlike: Mapping[str, Any]) -> list[str]:
    """Say of each example why it is unlike the training data; empty if it is not.

    Args:
        x: Encoded examples [n, ...].
        features: Features of the last hidden layer [n, size], or None.
        unlike: `unlike` of calibration.json.
    """
    match unlike["type"]:
        case "features" if features is not None:
            distances = measure_features(project(features), unlike) / unlike["limit"]
            return [describe_distance(float(distance)) for distance in distances]
        case "ranges":
            return [describe_ranges(row, unlike["columns"]) for row in x]
        case "words":
            return [describe_words(row, unlike) for row in x]
    return [""] * len(x)


def describe_distance(distance: float) -> str:
    """Return the warning for features at a distance, in limits."""
    return (
        f"unlike the training data: {distance:.1f} times the usual distance" if distance > 1 else ""
    )


def describe_ranges(row: np.ndarray, ranges: Mapping[str, Any]) -> str:
    """Return the warning for a row of a table; a missing number (NaN) is in every range."""
    outside = [
        f"{name} {row[each['position']]:g} is outside {each['least']:g} to {each['most']:g}"
        for name, each in ranges.items()
        if row[each["position"]] < each["least"] or row[each["position"]] > each["most"]
    ]
    return f"unlike the training data: {', '.join(outside)}" if outside else ""


def describe_words(row: np.ndarray, unlike: Mapping[str, Any]) -> str:
    """Return the warning for a text, token ids [length]."""
    unknown, frequent = (float(share[0]) for share in word_shares(row[None]))
    count = int((row != PADDING).sum())
    if unknown > unlike["max_unknown"] and count >= MIN_WORDS:
        return f"unlike the training data: {unknown:.0%} of its words are unknown"
    if frequent < unlike["min_frequent"] and count >= MIN_WORDS:
        return f"unlike the training data: few of the words frequent in it ({frequent:.0%})"
    return ""
