"""Find a piece of clothing in a photograph, and bring it into the form of Fashion-MNIST.

The photographs of Fashion-MNIST, on white, were trimmed, scaled to 28 pixels on the longest side,
placed in the middle of 28x28 pixels, and negated.

Reference:
    Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from stages.inference.digits import SIDE, Found
from stages.inference.paper import OFFSET, fit_background, otsu

WORKING = 400  # pixels of the longest side of the photograph while the garment is searched
MIN_DISTANCE = 0.08  # of a garment to the background, in logarithms of colors
CLOSE = 0.02  # of the longest side: gaps of this size belong to the garment


def find_garment(photograph: Image.Image) -> list[Found]:
    """Find the largest object on a plain background.

    Args:
        photograph: RGB image.

    Returns:
        The garment; nothing if the image is plain.
    """
    unchanged = as_fashion_mnist(photograph)
    if unchanged is not None:
        return [Found(unchanged, (0, 0, SIDE, SIDE))]
    scale = min(WORKING / max(photograph.size), 1.0)
    size = [max(1, round(side * scale)) for side in photograph.size]
    resized = photograph.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    image = np.asarray(resized).astype(np.float32)
    background = fit_background(np.log(image + OFFSET))
    mask = find_object(np.log(image + OFFSET) - background)
    if mask is None:
        return []
    rows, columns = ndimage.find_objects(mask.astype(int))[0]
    lit = np.where(mask, brightness(image, np.exp(background) - OFFSET), 0)
    box = (columns.start, rows.start, columns.stop, rows.stop)
    left, top, right, bottom = (round(side / scale) for side in box)
    return [Found(place(lit[rows, columns]), (left, top, right, bottom))]


def as_fashion_mnist(photograph: Image.Image) -> np.ndarray | None:
    """Return the image, uint8 [28, 28], if it is light on black already: its corners are black."""
    if photograph.size != (SIDE, SIDE):
        return None
    gray = np.asarray(photograph.convert("L"))
    corners = gray[[0, 0, -1, -1], [0, -1, 0, -1]]
    return gray if np.median(corners) <= 8 and (gray <= 8).mean() > 0.02 else None


def find_object(difference: np.ndarray) -> np.ndarray | None:
    """Return the largest object, without holes, by the difference [height, width, 3] to the ground.

    Returns:
        Pixels, bool [height, width]; None if there is no object.
    """
    distance = np.linalg.norm(ndimage.gaussian_filter(difference, (1, 1, 0)), axis=2)
    if distance.max() < MIN_DISTANCE:
        return None
    # Otsu's threshold alone would leave out parts that are nearly as light as the background.
    noise = float(np.median(distance[[0, -1]]))
    mask = distance > max(min(0.5 * otsu(distance), 0.5), 3 * noise, MIN_DISTANCE)
    reach = max(1, round(CLOSE * max(mask.shape)))
    padded = np.pad(mask, reach)
    closed = ndimage.binary_closing(padded, iterations=reach)[reach:-reach, reach:-reach]
    labels, count = ndimage.label(ndimage.binary_fill_holes(closed))
    if not count:
        return None
    areas = np.bincount(labels.ravel())[1:]
    kept = np.flatnonzero(areas >= 0.2 * areas.max()) + 1  # both shoes of a pair
    found: np.ndarray = np.isin(labels, kept)
    return found


def brightness(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return how light a garment is, 0 to 255, as Fashion-MNIST: negated on a light background.

    Args:
        image: Colors, float32 [height, width, 3].
        background: Colors behind the garment, float32 [height, width, 3].
    """
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    gray, ground = image @ weights, background @ weights
    light = float(np.median(ground)) > 110
    values = 255 - 255 * gray / np.maximum(ground, 1) if light else gray - ground
    clipped: np.ndarray = values.clip(0, 255)
    return clipped


def place(lit: np.ndarray) -> np.ndarray:
    """Scale a garment [height, width] to 28 pixels and place it in the middle, uint8 [28, 28]."""
    scale = SIDE / max(lit.shape)
    size = (max(1, round(lit.shape[1] * scale)), max(1, round(lit.shape[0] * scale)))
    resized = Image.fromarray(lit.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    small = np.asarray(resized)
    image = np.zeros((SIDE, SIDE), np.float32)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.rint(image.clip(0, 255)).astype(np.uint8)
