"""Captions of the figures of a variational autoencoder."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: VAE loss terms",
        "The reconstruction loss falls while the KL divergence rises: the encoder tells more about "
        "each image, and pays for it.",
    ),
    "samples": Caption(
        "Samples from the prior",
        "Images decoded from random latent variables: blurred ones lie between classes.",
    ),
    "manifold": Caption(
        "Decoded latent space",
        "Each image is decoded from its place; equal steps are equal probabilities of the prior, "
        "so that classes cover as much of the sheet as of the samples.",
    ),
    "reconstructions": Caption(
        "Test images and their reconstructions",
        "What differs within a pair is what the latent variables cannot hold.",
    ),
    "latent_space": Caption(
        "Latent space: posterior means of the test images",
        "Classes that overlap are those that the latent variables do not separate.",
    ),
    "class_samples": Caption(
        "Decoded class mean and class-conditional samples",
        "The first image of a row is the class mean, the others are drawn from the class's normal "
        "distribution; the percentage is how many the evaluator assigns to the class.",
    ),
    "walk": Caption(
        "Latent interpolation between class means",
        "Watch where one class turns into the next: neighbors in the latent space look alike.",
    ),
}


def conclude_losses(metrics: Mapping[str, float], kl_weight: float) -> str:
    """How the loss is composed."""
    return (
        f"On the test images: {metrics['reconstruction_loss']:.1f} reconstruction + "
        f"{kl_weight:g} x {metrics['kl_loss']:.2f} KL = {metrics['total_loss']:.1f} nats per "
        f"image; ELBO (KL with weight 1) {metrics['elbo']:.1f}."
    )


def conclude_classes(classes: Sequence[str], recognized: np.ndarray) -> str:
    """The classes whose samples are recognized most and least often; recognized: [classes]."""
    best, worst = int(recognized.argmax()), int(recognized.argmin())
    if best == worst:
        return f"{recognized[best]:.0%} of the samples of each class are classified as such."
    return (
        f"{recognized[best]:.0%} of the samples of {classes[best]} are classified as such, but "
        f"{recognized[worst]:.0%} of those of {classes[worst]}."
    )
