"""Captions of the figures of a conditional VAE."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: loss terms of the conditional VAE",
        "As the encoder stores more information about each image, the reconstruction loss falls "
        "and the KL divergence rises.",
    ),
    "class_samples": Caption(
        "Samples of each class",
        "Random latent variables, decoded in the class of the row; the percentage is the fraction "
        "that the evaluator classifies as that class.",
    ),
    "same_style": Caption(
        "Same latent vector, other class",
        "Each column has one latent vector, decoded in all classes: what stays the same from top "
        "to bottom, such as brightness or width, is described by the latent variables.",
    ),
    "class_accuracy": Caption(
        "Accuracy of the evaluator on generated and on test images",
        "A class that is hard to recognize in test images is a hard one to generate, too.",
    ),
    "walk": Caption(
        "A walk through latent space in all classes",
        "All images of a frame have the same latent vector, and change together.",
    ),
}


def summarize_samples(classes: Sequence[str], accuracy: np.ndarray) -> str:
    """Return the classes that are recognized best and worst; accuracy: [classes]."""
    best, worst = int(accuracy.argmax()), int(accuracy.argmin())
    return (
        f"{accuracy[best]:.0%} of the samples of {classes[best]} are recognized, and "
        f"{accuracy[worst]:.0%} of those of {classes[worst]}."
    )


def summarize_accuracy(accuracy: np.ndarray, metrics: Mapping[str, Any]) -> str:
    """Return the mean accuracy on samples and on test images."""
    return (
        f"{accuracy.mean():.1%} of all samples are recognized as the class asked for, and "
        f"{metrics['evaluator']['accuracy']:.1%} of the test images as their class."
    )


def summarize_latent(metrics: Mapping[str, Any], num_classes: int) -> str:
    """Return how much latent variables say about the class."""
    accuracy = metrics["latent"]["neighbor_accuracy"]
    return (
        f"From its nearest neighbors in latent space, the class of a test image is predicted with "
        f"an accuracy of {accuracy:.0%} (chance: {1 / num_classes:.0%})."
    )
