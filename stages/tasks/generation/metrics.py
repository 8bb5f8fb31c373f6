"""How near generated pictures come to real ones, as pure functions over arrays."""

import keras
import numpy as np

BATCH = 500
PROJECTIONS = 512
SHARE = 0.02  # of the generated pictures that a class must hold to count as generated


def features(judge: keras.Model, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a classifier makes of uint8 pictures [n, height, width(, channels)].

    Returns its last hidden layer [n, units] float64, and the class it says [n].
    """
    last = judge.layers[-1]
    both = keras.Model(judge.inputs, [last.input, last.output])
    hidden, p = both.predict(pictures, BATCH, verbose=0)
    return hidden.astype(np.float64), p.argmax(axis=1)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The squared Fréchet distance between normal distributions fitted to a [n, d] and b [m, d].

    |mean_a - mean_b|^2 + trace(A + B - 2 (A B)^(1/2)), with covariances A and B; the trace of the
    root is that of the symmetric (A^(1/2) B A^(1/2))^(1/2) (Heusel et al.: GANs trained by a two
    time-scale update rule, NIPS 2017).
    """
    covariance_a, covariance_b = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (a, b))
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    products = np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)
    traces = np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.sqrt(products).sum()
    distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + traces
    return max(float(distance), 0.0)  # rounding may leave less than nothing


def shares_of(labels: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class [classes] among labels [n]."""
    return np.bincount(labels, minlength=classes) / len(labels)


def class_kl(shares: np.ndarray) -> float:
    """The Kullback-Leibler divergence in nats of shares [classes] from equal shares."""
    held = shares[shares > 0]
    return float((held * np.log(held * len(shares))).sum())


def classes_generated(shares: np.ndarray) -> int:
    """How many classes hold at least 2 % of the generated pictures."""
    return int((shares >= SHARE).sum())


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, random: np.random.Generator) -> float:
    """The mean Wasserstein-1 distance of pictures a [n, ...] and b [n, ...] in random directions.

    Along a line it is the mean difference of the sorted values (Rabin et al.: Wasserstein
    barycenter and its application to texture mixing, 2011; Karras et al.: Progressive growing of
    GANs, ICLR 2018, who take patches). The unit is that of the pixels.
    """
    flat_a, flat_b = (each.reshape(len(each), -1).astype(np.float32) for each in (a, b))
    directions = random.normal(size=(flat_a.shape[1], PROJECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    count = min(len(a), len(b))  # a folder's parts may be of other sizes
    lines_a, lines_b = (np.sort(flat[:count] @ directions, axis=0) for flat in (flat_a, flat_b))
    return float(np.abs(lines_a - lines_b).mean(dtype=np.float64))
