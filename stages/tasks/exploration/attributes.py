"""Attributes of drawn strokes, measured on images."""

from collections.abc import Callable

import numpy as np


def thickness(images: np.ndarray) -> np.ndarray:
    """Measure the mean thickness of the strokes.

    A stroke of length L and thickness t has an area of L t and, if L is much larger, a perimeter
    of 2 L; so t is twice the area divided by the perimeter. In a grayscale image, the area is the
    sum of the pixels and the perimeter the sum of the gradient norms (the total variation).

    Args:
        images: Images, uint8 [n, height, width], bright strokes on 0.

    Returns:
        Thickness in pixels, float64 [n]; 0 for an empty image.

    Reference:
        Rudin, Osher, Fatemi: Nonlinear total variation based noise removal algorithms.
        Physica D, 1992.
    """
    padded = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    down = padded[:, 1:, :-1] - padded[:, :-1, :-1]
    right = padded[:, :-1, 1:] - padded[:, :-1, :-1]
    perimeter = np.sqrt(down**2 + right**2).sum(axis=(1, 2))
    return divide(2 * padded.sum(axis=(1, 2)), perimeter)


def slant(images: np.ndarray) -> np.ndarray:
    """Measure how far a digit leans to the right.

    Args:
        images: Images, uint8 [n, height, width], bright strokes on 0.

    Returns:
        Horizontal displacement per row upwards, float64 [n]: the slope of the regression of the
        column on the row, over all pixels, weighted by their values; 0 if it is not defined.

    Reference:
        LeCun et al.: Gradient-based learning applied to document recognition, 1998 (deslanting by
        moments).
    """
    row, column, ink = centered(images)
    covariance = (ink * row * column).sum(axis=(1, 2))
    return divide(-covariance, (ink * row**2).sum(axis=(1, 2)))


def width(images: np.ndarray) -> np.ndarray:
    """Measure the width: the standard deviation of the columns, weighted by the pixels.

    Args:
        images: Images, uint8 [n, height, width], bright strokes on 0.

    Returns:
        Width in pixels, float64 [n]; 0 for an empty image.
    """
    _, column, ink = centered(images)
    return np.sqrt(divide((ink * column**2).sum(axis=(1, 2)), ink.sum(axis=(1, 2))))


def centered(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows and columns relative to the center of gravity, and the pixels, as float64.

    Returns:
        Rows [n, height, 1], columns [n, 1, width] and pixels [n, height, width].
    """
    ink = images.astype(np.float64)
    total = ink.sum(axis=(1, 2), keepdims=True)
    rows = np.arange(ink.shape[1], dtype=np.float64)[None, :, None]
    columns = np.arange(ink.shape[2], dtype=np.float64)[None, None, :]
    row = rows - divide((ink * rows).sum(axis=(1, 2), keepdims=True), total)
    column = columns - divide((ink * columns).sum(axis=(1, 2), keepdims=True), total)
    return row, column, ink


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide elementwise; 0 where the denominator is 0."""
    zeros = np.zeros_like(numerator)
    result: np.ndarray = np.divide(numerator, denominator, out=zeros, where=denominator > 0)
    return result


ATTRIBUTES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "thickness": thickness,
    "slant": slant,
    "width": width,
}
