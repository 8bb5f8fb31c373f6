"""Captions of the figures of a network that draws."""

from collections.abc import Mapping

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: the variational bound and its two terms",
        "The pixels are binarized at random (1 with the probability of their gray value), again "
        "in each epoch.",
    ),
    "samples": Caption(
        "Samples from the prior",
        "New digits, drawn from random latent vectors; the gray value is the probability of ink.",
    ),
    "glimpses": Caption(
        "KL divergence and reconstruction loss by glimpse",
        "Glimpses with a high KL divergence take much information from the image; the "
        "reconstruction loss falls most where they use it.",
    ),
    "drawing": Caption(
        "How it draws new digits",
        "Each row is a digit, each column a glimpse: the canvas after it, and in red the window "
        "that it wrote to; a small window writes fine strokes.",
    ),
    "reading": Caption(
        "How it reads and draws test images",
        "Upper rows: the binarized image, and in green the window that is read; lower rows: the "
        "canvas, and in red the window that is written to; both tend to follow the stroke.",
    ),
    "reconstructions": Caption(
        "Test images and their reconstructions",
        "Pairs of a binarized image and the last canvas; differences are details that the latent "
        "vectors do not encode.",
    ),
    "animation": Caption(
        "Drawing digits glimpse by glimpse",
        "The red window is where the network writes next to the strokes that it has drawn.",
    ),
}


def summarize_losses(metrics: Mapping[str, float]) -> str:
    """Return the terms of the bound."""
    return (
        f"On the test images, binarized once with a fixed seed: "
        f"{metrics['reconstruction_loss']:.1f} reconstruction + {metrics['kl_loss']:.1f} KL = "
        f"{metrics['total_loss']:.1f} nats per image, an upper bound of the negative "
        "log-likelihood."
    )


def summarize_glimpses(kl: np.ndarray) -> str:
    """Return the glimpses that carry most and least information; kl: nats [glimpses]."""
    most, least = int(kl.argmax()), int(kl.argmin())
    half = int(np.searchsorted(kl.cumsum(), kl.sum() / 2)) + 1
    return (
        f"Of {kl.sum():.1f} nats per image, glimpse {most + 1} takes {kl[most]:.1f}, glimpse "
        f"{least + 1} {kl[least]:.1f}; half of them are taken after {half} of {len(kl)} glimpses."
    )
