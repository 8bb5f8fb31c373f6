"""Distortions of grayscale images: shift, rotation, scale and noise."""

import numpy as np
from scipy import ndimage

NEUTRAL = {"shift": 0.0, "rotation": 0.0, "scale": 1.0, "noise": 0.0}  # amount without any effect
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # of shifts: right, left, down, up


def distort(images: np.ndarray, kind: str, amount: float, seed: int) -> list[np.ndarray]:
    """Distort images by an amount.

    Args:
        images: Images, uint8 [n, height, width].
        kind: Key of NEUTRAL.
        amount: Shift in pixels, rotation in degrees, scale as a factor, or the standard deviation
            of Gaussian noise as a fraction of the range from black to white.
        seed: Seed of the noise, which is the same for all amounts up to its scale.

    Returns:
        Distorted images, uint8 [n, height, width]: of a shift, in each of DIRECTIONS; of a
        rotation, clockwise and counterclockwise; of others, once.
    """
    if kind == "shift":
        return [shift(images, round(amount) * dy, round(amount) * dx) for dy, dx in DIRECTIONS]
    if kind == "rotation":
        return [resample(images, sign * amount, 1.0) for sign in (1, -1)]
    if kind == "scale":
        return [resample(images, 0.0, amount)]
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return [to_pixels(images + 255 * amount * noise)]


def shift(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Shift images [n, height, width] down and to the right; what enters is black."""
    height, width = images.shape[1:]
    shifted = np.zeros_like(images)
    to_rows, to_columns = overlap(rows, height), overlap(columns, width)
    from_rows, from_columns = overlap(-rows, height), overlap(-columns, width)
    shifted[:, to_rows, to_columns] = images[:, from_rows, from_columns]
    return shifted


def overlap(distance: int, size: int) -> slice:
    """Return the positions of an axis that are still covered after a shift by `distance`."""
    return slice(min(max(distance, 0), size), max(size + min(distance, 0), 0))


def resample(images: np.ndarray, degrees: float, factor: float) -> np.ndarray:
    """Rotate and scale images about their center, with bilinear interpolation.

    Args:
        images: Images, uint8 [n, height, width].
        degrees: Angle of the rotation, counterclockwise.
        factor: Scale; more than 1 enlarges.

    Returns:
        Images, uint8 [n, height, width]; what enters is black.
    """
    angle = np.deg2rad(degrees)
    matrix = np.eye(3)  # the first axis, of the images, stays
    matrix[1:, 1:] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    matrix[1:, 1:] /= factor
    center = np.array([0, *(np.array(images.shape[1:]) - 1) / 2])
    offset = center - matrix @ center
    sampled = ndimage.affine_transform(images.astype(np.float32), matrix, offset, order=1)
    return to_pixels(sampled)


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Round and clip values to pixels from 0 to 255, uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def kept_ink(images: np.ndarray, distorted: list[np.ndarray]) -> float:
    """Return the sum of all pixels after a distortion as a fraction of that before, at most 1."""
    kept = np.mean([views.sum(dtype=np.float64) for views in distorted])
    return float(min(kept / images.sum(dtype=np.float64), 1.0))
