"""Restoration without learning from examples: the references of a trained network."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from stages.metrics.images import psnr

SIGMAS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)  # of the Gaussian filter, in pixels
SIZES = (3, 5, 7)  # of the median filter, in pixels
Filter = Callable[[np.ndarray], np.ndarray]


def blur(images: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth each image, [n, height, width(, 3)], with a Gaussian filter; float32."""
    sigmas = (0.0, sigma, sigma, 0.0)[: images.ndim]
    filtered: np.ndarray = gaussian_filter(images.astype(np.float32), sigmas)
    return filtered


def median(images: np.ndarray, size: int) -> np.ndarray:
    """Replace each value of images [n, height, width(, 3)] by the median of a square around it."""
    filtered: np.ndarray = median_filter(images, (1, size, size, 1)[: images.ndim])
    return filtered.astype(np.float32)


def choose_filters(corrupted: np.ndarray, images: np.ndarray) -> Mapping[str, Filter]:
    """Choose the Gaussian and the median filter that restore some images best.

    Args:
        corrupted: Corrupted images, uint8 [n, height, width(, 3)].
        images: The originals, uint8 of the same shape.

    Returns:
        Filters by name: functions from images to restored images, 0 to 255.
    """
    filters: dict[str, list[Filter]] = {
        "gaussian_filter": [partial(blur, sigma=sigma) for sigma in SIGMAS],
        "median_filter": [partial(median, size=size) for size in SIZES],
    }
    return {
        name: max(candidates, key=lambda apply: psnr(apply(corrupted) / 255, images / 255))
        for name, candidates in filters.items()
    }


def mean_color(gray: np.ndarray, images: np.ndarray) -> Filter:
    """Return a function that adds the mean difference between color and gray of each pixel.

    Args:
        gray: Gray images, uint8 [n, height, width].
        images: The same in color, uint8 [n, height, width, 3].

    Returns:
        Function from gray to color images, float32 of 0 to 255.
    """
    difference = images.mean(axis=0) - gray.mean(axis=0)[..., None]
    return lambda x: (x[..., None] + difference).clip(0, 255).astype(np.float32)


def gray_as_color(gray: np.ndarray) -> np.ndarray:
    """Repeat gray images, uint8 [n, height, width], in three channels."""
    return np.repeat(gray[..., None], 3, axis=3)
