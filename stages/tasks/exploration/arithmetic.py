"""Arithmetic with noise vectors, for attributes of generated images.

Reference:
    Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional
    generative adversarial networks. ICLR 2016.
    White: Sampling generative networks. arXiv 1609.04468, 2016.
"""

from typing import NamedTuple

import numpy as np

EXTREME = 0.2  # fraction of a class that counts as low or high in an attribute
MIN_CHANGE = 0.5  # standard deviations of an attribute within a class that count as a change


class Extremes(NamedTuple):
    """Mean noise of the images of each class that are low or high in an attribute.

    Attributes:
        low: Mean noise vectors [classes, latent_dim].
        high: Mean noise vectors [classes, latent_dim].
        spread: Standard deviation of the attribute within a class, the mean over all classes.
    """

    low: np.ndarray
    high: np.ndarray
    spread: float


def find_extremes(
    noise: np.ndarray, labels: np.ndarray, values: np.ndarray, num_classes: int
) -> Extremes:
    """Average the noise of images that are low and high in an attribute, within each class.

    Args:
        noise: Noise vectors [n, latent_dim].
        labels: Classes of the images generated from them [n]; each class occurs.
        values: Their attribute [n].
        num_classes: Number of classes.
    """
    low, high, spreads = [], [], []
    for label in range(num_classes):
        own, measured = noise[labels == label], values[labels == label]
        order = np.argsort(measured, kind="stable")
        count = max(int(EXTREME * len(order)), 1)
        low.append(own[order[:count]].mean(axis=0))
        high.append(own[order[-count:]].mean(axis=0))
        spreads.append(measured.std())
    return Extremes(np.stack(low), np.stack(high), float(np.mean(spreads)))


def direction(extremes: Extremes) -> np.ndarray:
    """Return the unit vector [latent_dim] in which an attribute grows, the mean of all classes."""
    difference: np.ndarray = (extremes.high - extremes.low).mean(axis=0)
    return difference / np.linalg.norm(difference)


def move(noise: np.ndarray, direction: np.ndarray, strength: float) -> np.ndarray:
    """Add `strength` times a direction to noise vectors [n, latent_dim], keeping their norms."""
    moved = noise + strength * direction
    norms = np.linalg.norm(noise, axis=1, keepdims=True)
    result: np.ndarray = moved * norms / np.linalg.norm(moved, axis=1, keepdims=True)
    return result


def success(
    values: tuple[np.ndarray, np.ndarray],
    labels: tuple[np.ndarray, np.ndarray],
    spread: float,
    sign: int,
) -> np.ndarray:
    """Decide which images changed in the attribute as wanted, and kept their class.

    Args:
        values: Attribute before and after the change, [n] each.
        labels: Predicted class before and after the change, [n] each.
        spread: Standard deviation of the attribute within a class; a change of MIN_CHANGE times as
            much counts.
        sign: 1 if the attribute should grow, -1 if it should shrink.

    Returns:
        Successes, bool [n].
    """
    grown = sign * (values[1] - values[0]) >= MIN_CHANGE * spread
    result: np.ndarray = grown & (labels[0] == labels[1])
    return result


def combine(extremes: Extremes) -> np.ndarray:
    """Compute high(a) - low(a) + low(c) for all pairs of different classes a and c.

    The result should be of class c and high in the attribute. All vectors are rescaled to the
    typical norm of noise, the square root of their dimension, so that they can be generated.

    Returns:
        Noise vectors of high(a), low(a), low(c) and the result, [pairs, 4, latent_dim], in the
        order of `pairs`.
    """
    rows = [
        [
            extremes.high[a],
            extremes.low[a],
            extremes.low[c],
            extremes.high[a] - extremes.low[a] + extremes.low[c],
        ]
        for a, c in pairs(len(extremes.low))
    ]
    vectors = np.array(rows)
    dimension = vectors.shape[-1]
    result: np.ndarray = (
        vectors * np.sqrt(dimension) / np.linalg.norm(vectors, axis=-1, keepdims=True)
    )
    return result


def pairs(num_classes: int) -> list[tuple[int, int]]:
    """Return all ordered pairs of different classes."""
    return [(a, c) for a in range(num_classes) for c in range(num_classes) if a != c]
