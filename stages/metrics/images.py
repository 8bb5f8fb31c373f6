"""Metrics of images."""

import math

import numpy as np

MAX_DECIBELS = 100.0  # above the resolution of 8 bits; keeps exact images finite


def psnr(predicted: np.ndarray, target: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio, -10 log10 of the mean squared error.

    Args:
        predicted: Values of 0 to 1.
        target: Values of 0 to 1, of the same shape.

    Returns:
        PSNR in decibels, at most 100.
    """
    error = float(np.mean((predicted.astype(np.float64) - target.astype(np.float64)) ** 2))
    return min(-10 * math.log10(error), MAX_DECIBELS) if error else MAX_DECIBELS
