"""Metrics of generated samples: coverage of classes and of real data."""

import numpy as np
from scipy.stats import entropy
from sklearn.metrics import pairwise_distances

MIN_FRACTION = 0.02  # of the samples, for a class to count as covered


def class_fractions(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the fraction of each class [num_classes] among labels [n]."""
    return np.bincount(labels, minlength=num_classes) / len(labels)


def class_kl(fractions: np.ndarray) -> float:
    """Return the KL divergence, in nats, of class fractions [classes] from uniform."""
    return float(entropy(fractions, np.full(len(fractions), 1 / len(fractions))))


def classes_covered(fractions: np.ndarray) -> int:
    """Count classes with at least 2 % of the samples; fractions: [classes]."""
    return int((fractions >= MIN_FRACTION).sum())


def coverage(generated: np.ndarray, real: np.ndarray, num_neighbors: int = 5) -> float:
    """Compute the fraction of real points with a generated point in their neighborhood.

    A neighborhood extends to the `num_neighbors`-th nearest other real point.

    Args:
        generated: Points [n, d].
        real: Points [m, d], more than `num_neighbors`.
        num_neighbors: Number of neighbors.

    Returns:
        Fraction of 0 to 1.

    Reference:
        Naeem et al.: Reliable fidelity and diversity metrics for generative models, ICML 2020.
    """
    distances = np.sort(pairwise_distances(real), axis=1)
    radius = distances[:, num_neighbors]  # column 0 is the point itself
    return float((pairwise_distances(real, generated).min(axis=1) <= radius).mean())
