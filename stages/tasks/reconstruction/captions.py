"""Captions of the figures of an autoencoder."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.tasks.interface import Caption

MEASURES = {
    "precision_at_10": "precision at 10",
    "neighbor_accuracy": "10-nearest-neighbor accuracy",
    "cluster_accuracy": "k-means clustering accuracy",
}
CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: mean squared error",
        "Curves that stay together show that new images are reconstructed as well as those of the "
        "training split.",
    ),
    "reconstructions": Caption(
        "Compression: test images and their reconstructions",
        "Shapes survive compression, while prints and textures are lost.",
    ),
    "search": Caption(
        "Search: test images and their nearest training images in latent space",
        "The first image of a row is the query; images of another class have an orange frame.",
    ),
    "representations": Caption(
        "Classes in latent space, among principal components and among pixels",
        "All three measures compare distances with classes, which none of the representations was "
        "given in training.",
    ),
    "clusters": Caption(
        "Clusters in latent space (k-means) and classes",
        "Dark squares off the diagonal show classes that k-means does not tell apart.",
    ),
}
ANOMALY_CAPTIONS = {
    "roc_curve": Caption(
        "Anomaly detection: ROC curve",
        "Images are ranked by their reconstruction error, which needs no examples of anomalies.",
    ),
    "error_distribution": Caption(
        "Anomaly detection: reconstruction errors",
        "Where the two distributions overlap, an anomaly is reconstructed as well as an ordinary "
        "image.",
    ),
    "largest_errors": Caption(
        "Least ordinary test images",
        "The test images with the largest reconstruction error, above their reconstructions.",
    ),
}


def summarize_compression(
    decibels: float, pca_decibels: float, num_pixels: int, num_latent: int
) -> str:
    """Return the PSNR of both reconstructions and the compression."""
    return (
        f"From {num_pixels:,} pixels to {num_latent} numbers: PSNR of {decibels:.2f} dB with the "
        f"autoencoder, {pca_decibels:.2f} dB with principal components."
    )


def summarize_scores(scores: Mapping[str, Mapping[str, float]]) -> str:
    """Return the precision of each representation, the highest first; scores: see `evaluate`."""
    ranked = sorted(scores, key=lambda name: -scores[name]["precision_at_10"])
    best, *others = (f"{scores[name]['precision_at_10']:.1%} with {name}" for name in ranked)
    return f"Precision at 10: {best}, {' and '.join(others)}."


def summarize_clusters(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return the classes that form a cluster best and worst; counts: see `cluster_counts`."""
    recall = np.diag(counts) / counts.sum(axis=1)
    best, worst = int(recall.argmax()), int(recall.argmin())
    return (
        f"{recall[best]:.0%} of the images of {classes[best]} are in one cluster, but "
        f"{recall[worst]:.0%} of those of {classes[worst]} in the cluster assigned to it."
    )


def summarize_anomalies(
    roc_auc: float, detected: float, false_positive_rate: float, ordinary: str, outliers: str
) -> str:
    """Return the ROC AUC, and the detected fraction at a false positive rate."""
    return (
        f"{detected:.1%} of the test images of {outliers} have a larger error than "
        f"{1 - false_positive_rate:.0%} of those of {ordinary}; ROC AUC {roc_auc:.4f}."
    )
