"""Likelihoods and their bounds, in nats and float64."""

import math

import numpy as np


def reconstruction_loss(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of the pixels, summed over each image.

    Args:
        images: [n, ...] of 0 to 255, taken as probabilities of white.
        logits: of the same shape.

    Returns:
        float64 [n], in nats.
    """
    x, logits = images.astype(np.float64) / 255, logits.astype(np.float64)
    cross_entropy = np.logaddexp(0, logits) - x * logits
    return cross_entropy.reshape(len(x), -1).sum(axis=1)


def kl_divergence(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """KL divergence of diagonal normal distributions from the standard normal distribution.

    Args:
        mean: [n, units].
        log_variance: [n, units].

    Returns:
        float64 [n], in nats.

    Reference:
        Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014, appendix B.
    """
    mean, log_variance = mean.astype(np.float64), log_variance.astype(np.float64)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)


def vae_metrics(reconstruction: np.ndarray, kl: np.ndarray, kl_weight: float) -> dict[str, float]:
    """Mean losses of a variational autoencoder.

    Args:
        reconstruction: [n] reconstruction losses.
        kl: [n] KL divergences.
        kl_weight: the factor of the KL divergence in the training loss.

    Returns:
        Nats per image: total_loss, which was minimized; reconstruction_loss; kl_loss; elbo, the
        evidence lower bound of the log-likelihood, in which the KL divergence has weight 1.
    """
    mean_reconstruction, mean_kl = float(reconstruction.mean()), float(kl.mean())
    return {
        "total_loss": mean_reconstruction + kl_weight * mean_kl,
        "reconstruction_loss": mean_reconstruction,
        "kl_loss": mean_kl,
        "elbo": -(mean_reconstruction + mean_kl),
    }


def bits_per_character(nats: float) -> float:
    """A loss in nats per character as bits per character."""
    return nats / math.log(2)
