"""Reading of digits from images of any size, color and background."""

import numpy as np
from PIL import Image
from scipy import ndimage

SIDE, BOX = 28, 20  # of an image of MNIST, and of the box that its digit fills, in pixels
MAX_SIDE = 400  # larger images are reduced first
PAPER_SIDE = 64  # of the reduced image by which the brightness of the paper is estimated
LEAST_INK = 0.25  # of the strongest ink


def read_digits(image: np.ndarray) -> np.ndarray:
    """Find a digit, and scale and center it as the images of MNIST are.

    Args:
        image: Image, uint8 [height, width] or [height, width, 3]; dark on light or light on dark.

    Returns:
        Digits, white on black, uint8 [n, 28, 28]: each fills a box of 20x20 pixels, and its center
        of mass is in the middle.

    Reference:
        LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
        Proceedings of the IEEE, 1998, section III.A.
    """
    picture = Image.fromarray(image).convert("L")
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    ink = measure_ink(np.asarray(picture, np.float32))
    found = ink > LEAST_INK
    labels, count = ndimage.label(found, np.ones((3, 3)))
    if not count:
        return np.zeros((0, SIDE, SIDE), np.uint8)
    mass = ndimage.sum(ink, labels, np.arange(1, count + 1))
    kept = np.isin(labels, 1 + np.flatnonzero(mass > 0.1 * mass.max()))
    rows, columns = (np.flatnonzero(kept.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    near = ndimage.binary_dilation(kept, iterations=1)
    return center(np.where(near, ink, 0)[box])[None]


def measure_ink(brightness: np.ndarray) -> np.ndarray:
    """Return how much each pixel differs from the paper around it, 0 to 1.

    Args:
        brightness: Image, float32 [height, width], 0 to 255.
    """
    border = np.concatenate([brightness[[0, -1]].ravel(), brightness[:, [0, -1]].ravel()])
    light_on_dark = np.median(border) < brightness.mean() and np.median(border) < 128
    darkness = brightness if light_on_dark else 255 - brightness
    coarse = Image.fromarray(darkness)
    coarse.thumbnail((PAPER_SIDE, PAPER_SIDE), Image.Resampling.BOX)
    paper = ndimage.percentile_filter(np.asarray(coarse), 20, size=max(min(coarse.size) // 2, 3))
    resized = Image.fromarray(paper).resize(darkness.shape[::-1], Image.Resampling.BILINEAR)
    contrast = np.clip(darkness - np.asarray(resized), 0, None)
    scaled: np.ndarray = np.clip(contrast / max(np.percentile(contrast, 99.5), 1), 0, 1)
    return scaled


def center(ink: np.ndarray) -> np.ndarray:
    """Scale ink [height, width] into a box and center it by mass, uint8 [28, 28]."""
    scale = BOX / max(ink.shape)
    height, width = (max(round(side * scale), 1) for side in ink.shape)
    pixels = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    small = np.clip(np.asarray(pixels), 0, 1)
    rows, columns = ndimage.center_of_mass(small)
    top, left = round(SIDE / 2 - 0.5 - rows), round(SIDE / 2 - 0.5 - columns)
    top, left = np.clip(top, 0, SIDE - height), np.clip(left, 0, SIDE - width)
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + height, left : left + width] = (255 * small / small.max()).round()
    return image
