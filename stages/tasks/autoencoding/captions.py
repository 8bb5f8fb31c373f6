"""Captions of the figures of a variational autoencoder."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: VAE loss terms",
        "As the encoder stores more information about each image, the reconstruction loss falls "
        "and the KL divergence rises.",
    ),
    "samples": Caption(
        "Samples from the prior",
        "Images decoded from random latent variables; blurred images often lie between classes.",
    ),
    "manifold": Caption(
        "Decoded latent space",
        "Grid points are equally spaced in prior probability, so each class takes up about the "
        "same fraction of the grid as of random samples.",
    ),
    "decoded_grid": Caption(
        "Decoded latent space, images only",
        "The page shows them one by one.",
    ),
    "reconstructions": Caption(
        "Test images and their reconstructions",
        "Differences within a pair are details that the latent variables do not encode.",
    ),
    "latent_space": Caption(
        "Latent space: posterior means of the test images",
        "Classes that overlap are not separated by the two latent variables shown.",
    ),
    "class_samples": Caption(
        "Decoded class mean and class-conditional samples",
        "The first image of a row is the class mean, the others are drawn from the class's normal "
        "distribution; the percentage is the fraction that the evaluator classifies correctly.",
    ),
    "walk": Caption(
        "Latent interpolation between class means",
        "Watch where one class turns into the next; nearby latent vectors are decoded to similar "
        "images.",
    ),
}


def summarize_losses(metrics: Mapping[str, float], kl_weight: float) -> str:
    """Return the terms of the loss."""
    return (
        f"On the test images: {metrics['reconstruction_loss']:.1f} reconstruction + "
        f"{kl_weight:g} x {metrics['kl_loss']:.2f} KL = {metrics['total_loss']:.1f} nats per "
        f"image; ELBO (KL with weight 1) {metrics['elbo']:.1f}."
    )


def summarize_classes(classes: Sequence[str], accuracy: np.ndarray) -> str:
    """Return the classes with the highest and lowest accuracy; accuracy: [classes]."""
    best, worst = int(accuracy.argmax()), int(accuracy.argmin())
    if best == worst:
        return f"{accuracy[best]:.0%} of the samples of each class are classified correctly."
    return (
        f"{accuracy[best]:.0%} of the samples of {classes[best]} are classified correctly, but "
        f"{accuracy[worst]:.0%} of those of {classes[worst]}."
    )
