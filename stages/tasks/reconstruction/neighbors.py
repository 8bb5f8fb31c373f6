"""How well distances between vectors reflect the classes of the images that they describe."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

RESTARTS = 3  # of k-means


def nearest(vectors: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` vectors nearest to each query, the nearest first.

    Args:
        vectors: Vectors [n, d].
        queries: Vectors [m, d].
        count: Number of neighbors, at most n.

    Returns:
        Indices [m, count].
    """
    index = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(vectors)
    found: np.ndarray = index.kneighbors(queries, return_distance=False)
    return found


def precision(found: np.ndarray, y: np.ndarray) -> float:
    """Return the mean fraction of the neighbors that have the class of the query.

    Args:
        found: Classes of the neighbors of each query [m, count].
        y: Classes of the queries [m].
    """
    return float((found == y[:, None]).mean())


def vote_accuracy(found: np.ndarray, y: np.ndarray) -> float:
    """Return the accuracy of the most frequent class among the neighbors; see `precision`.

    Of several classes that are equally frequent, the first counts.
    """
    classes = np.arange(max(int(found.max()), int(y.max())) + 1)
    votes = (found[:, :, None] == classes).sum(axis=1)
    return float((votes.argmax(axis=1) == y).mean())


def cluster_counts(vectors: np.ndarray, y: np.ndarray, num_classes: int, seed: int) -> np.ndarray:
    """Find as many clusters as classes with k-means, which does not know the classes.

    Clusters are assigned to classes one to one, so that as many images as possible are in the
    cluster of their class.

    Args:
        vectors: Vectors [n, d].
        y: Classes [n].
        num_classes: Number of classes.
        seed: Seed of the initial centers.

    Returns:
        Number of images of each class in each cluster [classes, clusters]; the diagonal has the
        images in the cluster of their class.

    Reference:
        Yang et al.: Image clustering using local discriminant models and global integration, 2010
        (the clustering accuracy).
    """
    kmeans = KMeans(num_classes, n_init=RESTARTS, random_state=seed)
    with threadpool_limits(limits=1, user_api="openmp"):  # threads would add in any order
        clusters = kmeans.fit_predict(vectors)
    counts = confusion_matrix(y, clusters, labels=np.arange(num_classes))
    order = linear_sum_assignment(counts, maximize=True)[1]
    matched: np.ndarray = counts[:, order]
    return matched


def cluster_accuracy(counts: np.ndarray) -> float:
    """Return the fraction of the images that are in the cluster of their class.

    Args:
        counts: Result of `cluster_counts`.
    """
    return float(np.trace(counts) / counts.sum())
