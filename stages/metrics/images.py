"""Metrics of images."""

import math

import numpy as np

MAX_DECIBELS = 100.0  # more than 8 bits can show, so that an exact image has a number too


def psnr(predicted: np.ndarray, target: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels, -10 log10 of the mean squared error; at most 100.

    Args:
        predicted: values of 0 to 1.
        target: values of 0 to 1, of the same shape.
    """
    error = float(np.mean((predicted.astype(np.float64) - target.astype(np.float64)) ** 2))
    return min(-10 * math.log10(error), MAX_DECIBELS) if error else MAX_DECIBELS
