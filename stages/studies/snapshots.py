"""What a finished run of a study shows: its last snapshot, or images that it generates."""

from typing import Any

import numpy as np

from stages.metrics.distances import plane_directions, sliced_wasserstein
from stages.metrics.generation import coverage

DECODED = "decoded"  # the snapshot of a VAE: images decoded from random latent vectors
NUM_DECODED = 25
NOISE_SEED = 0


def take_snapshot(trained: Any, name: str) -> np.ndarray:
    """Return the last snapshot of an array.

    Args:
        trained: Result of training, stages.learning.fit.Trained.
        name: Name of one of its snapshots, or DECODED for a VAE.

    Raises:
        KeyError: If there is no such snapshot; with the names of those that exist.
    """
    if name in trained.snapshots:
        return np.asarray(trained.snapshots[name][-1])
    decoders = [layer for layer in trained.model.layers if layer.name == "decoder"]
    if name == DECODED and decoders:
        return decode_noise(decoders[0])
    raise KeyError(", ".join([*trained.snapshots, *([DECODED] if decoders else [])]))


def decode_noise(decoder: Any) -> np.ndarray:
    """Decode latent vectors drawn from the prior.

    Args:
        decoder: Keras model from latent vectors [n, latent_dim] to logits of pixels.

    Returns:
        Images, uint8 [NUM_DECODED, height, width].
    """
    shape = (NUM_DECODED, decoder.input_shape[-1])
    noise = np.random.default_rng(NOISE_SEED).standard_normal(shape, np.float32)
    logits = np.asarray(decoder.predict(noise, verbose=0), np.float64)
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8)


def measure_points(generated: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Compare generated points with those of the validation split.

    Args:
        generated: Generated points [n, 2].
        real: Real points [m, 2].

    Returns:
        val_sliced_wasserstein and val_coverage; see stages.metrics.
    """
    generated = np.asarray(generated, np.float32)
    return {
        "val_sliced_wasserstein": sliced_wasserstein(generated, real, plane_directions()),
        "val_coverage": coverage(generated[: len(real)], real),
    }
