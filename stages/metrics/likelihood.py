"""Likelihoods and their bounds, in nats and float64."""

import math

import numpy as np


def reconstruction_loss(images: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Compute the binary cross-entropy of the pixels, summed over each image.

    Args:
        images: Images [n, ...] of 0 to 255, interpreted as probabilities of white.
        logits: Logits of the same shape.

    Returns:
        Loss of each image, float64 [n], in nats.
    """
    x, logits = images.astype(np.float64) / 255, logits.astype(np.float64)
    cross_entropy = np.logaddexp(0, logits) - x * logits
    return cross_entropy.reshape(len(x), -1).sum(axis=1)


def kl_divergence(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Compute the KL divergence of diagonal normal distributions from the standard normal.

    Args:
        mean: Means [n, latent_dim].
        log_variance: Log variances [n, latent_dim].

    Returns:
        KL divergences, float64 [n], in nats.

    Reference:
        Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014, appendix B.
    """
    mean, log_variance = mean.astype(np.float64), log_variance.astype(np.float64)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1)


def vae_metrics(reconstruction: np.ndarray, kl: np.ndarray, kl_weight: float) -> dict[str, float]:
    """Compute mean losses of a variational autoencoder.

    Args:
        reconstruction: Reconstruction losses [n].
        kl: KL divergences [n].
        kl_weight: Factor of the KL divergence in the training loss.

    Returns:
        Nats per image: total_loss, the training loss; reconstruction_loss; kl_loss; elbo, the
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
    """Convert a loss in nats per character to bits per character."""
    return nats / math.log(2)
