"""Calibration of a classifier: models/<model>/calibration.json.

temperature   divides the logits, so that confidence is accuracy on the validation split
threshold     confidence below which the answer is "I do not know"
unlike        what an input must be like for the accuracy of the validation split to hold:
              type frequencies: the Mahalanobis distance of the lowest frequencies of an image to
              their mean; type ranges: least and largest numbers of columns; type words: shares of
              unknown and of frequent words
validation    what this was chosen by: examples, accuracy, and calibration errors

Reference:
    Guo et al.: On calibration of modern neural networks, ICML 2017.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.splits import PADDING
from stages.encoding.text import SPECIAL_TOKENS, UNKNOWN

FREQUENCIES = 10  # per axis; distances of hidden features took most garments for digits (measured)
QUANTILE = 0.995  # of validation examples are like the training data
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


def fit_frequencies(images: np.ndarray) -> dict[str, Any]:
    """Describe the frequencies of images [n, height, width(, channels)]; see the top."""
    values = low_frequencies(images)
    mean = values.mean(axis=0)
    covariance = np.atleast_2d(np.cov(values, rowvar=False, bias=True))
    covariance += 1e-3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    description = {"mean": round_all(mean[None])[0], "whitening": round_all(whitening)}
    distances = measure_frequencies(images, description)
    return {"type": "frequencies", **description, "limit": float(np.quantile(distances, QUANTILE))}


def measure_frequencies(images: np.ndarray, description: Mapping[str, Any]) -> np.ndarray:
    """Return the Mahalanobis distances [n] of images [n, height, width(, channels)] to the mean."""
    centered = low_frequencies(images) - np.array(description["mean"])
    distances: np.ndarray = np.linalg.norm(centered @ np.array(description["whitening"]).T, axis=1)
    return distances


def low_frequencies(images: np.ndarray) -> np.ndarray:
    """Return the lowest coefficients of the cosine transform of gray images [n, coefficients]."""
    from scipy.fft import dctn

    gray = images.reshape(*images.shape[:3], -1).mean(axis=3) / 255
    coefficients = dctn(gray, axes=(1, 2), norm="ortho")[:, :FREQUENCIES, :FREQUENCIES]
    flat: np.ndarray = coefficients.reshape(len(images), -1)
    return flat


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


def find_unlike(x: np.ndarray, unlike: Mapping[str, Any]) -> list[str]:
    """Say of each encoded example x [n, ...] why it is unlike the training data.

    The text is empty if it is not. `unlike` is that of calibration.json.
    """
    match unlike["type"]:
        case "frequencies":
            distances = measure_frequencies(x, unlike) / unlike["limit"]
            return [describe_distance(float(distance)) for distance in distances]
        case "ranges":
            return [describe_ranges(row, unlike["columns"]) for row in x]
        case "words":
            return [describe_words(row, unlike) for row in x]
    return [""] * len(x)


def describe_distance(distance: float) -> str:
    """Return the warning for an image at a distance, in limits."""
    if distance <= 1:
        return ""
    return f"unlike the training data: {distance:.1f} times the distance of the most unusual of it"


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
