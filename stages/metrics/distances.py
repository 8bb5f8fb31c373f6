"""Distances between the distributions of two samples."""

import numpy as np

NUM_QUANTILES = 500


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the squared Fréchet distance between normal distributions fitted to two samples.

    |mean_a - mean_b|^2 + trace(A + B - 2 (A B)^(1/2)) with the covariances A and B. The trace of
    the root is taken from the symmetric (A^(1/2) B A^(1/2))^(1/2), which has the same eigenvalues.

    Args:
        a: Features [n, d].
        b: Features [m, d].

    Returns:
        Distance, 0 or more, in squared units of the features; computed in float64.

    Reference:
        Heusel et al.: GANs trained by a two time-scale update rule converge to a local Nash
        equilibrium, NeurIPS 2017. Their FID uses features of an Inception network.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariance_a, covariance_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    eigenvalues, eigenvectors = np.linalg.eigh(covariance_a)
    root = (eigenvectors * np.sqrt(eigenvalues.clip(0))) @ eigenvectors.T
    products = np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)
    traces = np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.sqrt(products).sum()
    distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + traces
    return max(float(distance), 0.0)  # rounding can make it slightly negative


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    """Compute the mean Wasserstein-1 distance of two samples projected onto each direction.

    The distance of two projections is the mean absolute difference of their quantiles, so the
    samples may be of different sizes.

    Args:
        a: Points [n, d], or arrays [n, ...] such as images, which are flattened to d numbers.
        b: Points [m, d], or arrays [m, ...].
        directions: Unit vectors [d, k]; see `plane_directions`, `random_directions`.

    Returns:
        Distance in the unit of the coordinates; slightly above 0 for two samples of one
        distribution.

    Reference:
        Rabin et al.: Wasserstein barycenter and its application to texture mixing, SSVM 2011.
    """
    levels = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    quantiles_a, quantiles_b = (
        np.quantile(x.reshape(len(x), -1).astype(np.float32) @ directions, levels, axis=0)
        for x in (a, b)
    )
    return float(np.abs(quantiles_a - quantiles_b).mean(dtype=np.float64))


def plane_directions(count: int = 32) -> np.ndarray:
    """Return `count` evenly spaced directions of the plane: [2, count]."""
    angles = np.arange(count) * np.pi / count
    return np.stack([np.cos(angles), np.sin(angles)])


def random_directions(dimensions: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Draw `count` uniformly distributed directions: float32 [dimensions, count]."""
    directions = random.normal(size=(dimensions, count)).astype(np.float32)
    return directions / np.linalg.norm(directions, axis=0)
