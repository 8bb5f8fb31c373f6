"""Separate ink from paper in a photograph: uneven light, colors, noise and printed lines."""

import numpy as np
from scipy import ndimage

OFFSET = 24.0  # added before the logarithm, so that dark pixels do not dominate
LOW, HIGH = 0.5, 0.75  # fractions of the strength of ink: all of a stroke, some of a stroke
MIN_CONTRAST = 0.06  # of ink, in the logarithm of brightness
LINE_ANGLES = np.deg2rad(np.arange(-16, 16.1, 1.0))
LINE_COVERAGE = 30  # percent of a straight line at which a printed line may be hidden or faint
MAX_LINE_WIDTH = 0.03  # of the side of the image


def separate_ink(image: np.ndarray) -> np.ndarray | None:
    """Return how much ink there is in each pixel.

    Shadows divide the light of paper and ink by the same factor: in logarithms that is a difference,
    which a smooth background takes up. Ink is what differs from it, dark or light, in the direction
    of color in which it differs most.

    Args:
        image: Colors, uint8 [height, width, 3].

    Returns:
        Ink, float32 [height, width]: about 0 for paper, 1 for ink; None if there is no ink.
    """
    x = np.log(image.astype(np.float32) + OFFSET)
    difference = x - fit_background(x)
    for _ in range(2):
        distance = np.linalg.norm(difference, axis=2)
        inked = distance > otsu(distance)
        difference = x - fill_background(x, inked)
    ink = project(difference, inked)
    noise = 1.4826 * float(np.median(np.abs(ink[~inked]))) if (~inked).any() else 0.0
    ink = remove_lines(remove_lines(ink, noise).T, noise).T
    strength = ink_strength(ink, noise)
    if strength < max(MIN_CONTRAST, 4 * noise):
        return None
    return (ink / strength).astype(np.float32)


def fit_background(x: np.ndarray) -> np.ndarray:
    """Fit a quadratic surface to each channel of x [height, width, channels], ignoring outliers.

    The rim counts more at first, since it is rarely ink.
    """
    height, width = x.shape[:2]
    rows, columns = np.meshgrid(
        np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij"
    )
    terms = [np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2]
    basis = np.stack(terms, axis=2).reshape(-1, 6)
    step = max(1, len(basis) // 8000)
    sample, values = basis[::step], x.reshape(-1, x.shape[2])[::step]
    rim = np.maximum(np.abs(sample[:, 1]), np.abs(sample[:, 2])) > 0.85
    weights = np.where(rim, 1.0, 0.2)
    for _ in range(12):
        scaled = sample * weights[:, None]
        ridge = 1e-6 * np.trace(scaled.T @ sample) * np.eye(6)
        coefficients = np.linalg.solve(scaled.T @ sample + ridge, scaled.T @ values)
        residual = np.linalg.norm(values - sample @ coefficients, axis=1)
        scale = max(float(np.average(residual, weights=weights)), 0.01)
        weights = np.where(rim, 1.0, 0.4) / (1 + (residual / scale) ** 2) ** 2
    fitted: np.ndarray = (basis @ coefficients).reshape(x.shape)
    return fitted


def fill_background(x: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """Average each channel of x [height, width, channels] around each pixel, leaving out ink."""
    size = max(x.shape[:2])
    kept = (~ndimage.binary_dilation(inked, iterations=max(1, size // 100))).astype(np.float32)
    wide = [fill_within(x, kept, size / 4), fill_within(x, kept, size / 14)]
    weight = ndimage.gaussian_filter(kept, size / 14)[..., None]
    trust = weight / (weight + 0.1)
    filled: np.ndarray = trust * wide[1] + (1 - trust) * wide[0]
    return filled


def fill_within(x: np.ndarray, kept: np.ndarray, sigma: float) -> np.ndarray:
    """Average x [height, width, channels] by a Gaussian window over the pixels that are `kept`."""
    weight = ndimage.gaussian_filter(kept, sigma) + 1e-6
    channels = [
        (ndimage.gaussian_filter(x[..., c] * kept, sigma) + 1e-6 * x[..., c].mean()) / weight
        for c in range(x.shape[2])
    ]
    return np.stack(channels, axis=2)


def project(difference: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """Project differences [height, width, 3] on the direction of the strongest ones."""
    distance = np.linalg.norm(difference, axis=2)
    strongest = distance >= np.quantile(distance[inked], 0.6) if inked.any() else distance > 0
    direction = difference[strongest].mean(axis=0)
    projected: np.ndarray = difference @ (direction / max(float(np.linalg.norm(direction)), 1e-9))
    return projected


def otsu(values: np.ndarray) -> float:
    """Return the threshold that separates values into two classes with least variance within."""
    counts, edges = np.histogram(values, 128)
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (total[-1] - total) / above - total / below
        between = np.nan_to_num(below * above * gap**2)
    return float(edges[1 + int(between.argmax())])


def ink_strength(ink: np.ndarray, noise: float) -> float:
    """Return the ink of a full stroke: that of its inner pixels, if it is wide enough to have any.

    Faint lines that are left are weaker; a second threshold puts them with the paper.
    """
    candidates = ink[ink > max(otsu(ink), 4 * noise)]
    if not candidates.size:
        return 0.0
    stronger = candidates[candidates >= otsu(candidates)] if candidates.size > 8 else candidates
    return float(np.median(stronger)) if stronger.size else float(np.median(candidates))


def remove_lines(ink: np.ndarray, noise: float) -> np.ndarray:
    """Remove printed lines that cross the whole image from left to right, at most 16 degrees tilted.

    A line is where most pixels of a tilted row have more ink than those above and below; they get
    the ink above or below, whichever is less, so that a stroke that crosses the line stays.

    Args:
        ink: Ink [height, width].
        noise: Standard deviation of ink on plain paper.
    """
    height, width = ink.shape
    if min(height, width) < 48:
        return ink
    reach = max(2, round(MAX_LINE_WIDTH * max(height, width) / 2))
    level = max(3 * noise, 0.02)
    narrow = ink - np.maximum(shift_rows(ink, -2 * reach), shift_rows(ink, 2 * reach))
    narrow = narrow.clip(-level, level)
    angle = max(LINE_ANGLES, key=lambda each: line_contrast(narrow, float(each), 3))
    fine = angle + np.deg2rad(np.arange(-1, 1.01, 0.2))
    angle = float(max(fine, key=lambda each: line_contrast(narrow, float(each), 1)))
    offsets = tilt(width, angle)
    straight = shear(ink, offsets)
    profile = np.percentile(straight, LINE_COVERAGE, axis=1)
    around = ndimage.percentile_filter(profile, 30, size=6 * reach + 1)
    lined = profile - around > max(1.2 * noise, 0.03)
    labels, count = ndimage.label(lined)
    for number in range(1, count + 1):
        rows = np.flatnonzero(labels == number)
        if len(rows) > 2 * reach + 1:
            continue
        margin = 1 + len(rows) // 2
        top, bottom = max(0, rows[0] - margin - 1), min(height - 1, rows[-1] + margin + 1)
        less = np.minimum(straight[top], straight[bottom])
        straight[top + 1 : bottom] = np.minimum(straight[top + 1 : bottom], less)
    if not count:
        return ink
    changed = shear(straight - shear(ink, offsets), -offsets)
    return ink + changed


def shift_rows(x: np.ndarray, by: int) -> np.ndarray:
    """Shift x [height, width] down by a number of rows; those at the rim are repeated."""
    rows = np.clip(np.arange(len(x)) - by, 0, len(x) - 1)
    shifted: np.ndarray = x[rows]
    return shifted


def tilt(width: int, angle: float) -> np.ndarray:
    """Return by how many rows a line tilted by `angle`, in radians, rises in each column [width]."""
    offsets: np.ndarray = np.rint(np.tan(angle) * (np.arange(width) - width / 2)).astype(int)
    return offsets


def shear(x: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift the columns of x [height, width] by offsets [width]; pixels at the rim are repeated."""
    rows = np.arange(len(x))[:, None] + offsets[None]
    sheared: np.ndarray = x[rows.clip(0, len(x) - 1), np.arange(x.shape[1])[None]]
    return sheared


def line_contrast(narrow: np.ndarray, angle: float, smooth: int) -> float:
    """Measure how strongly the mean of tilted rows varies: most at the tilt of printed lines."""
    profile = shear(narrow, tilt(narrow.shape[1], angle)).mean(axis=1)
    return float(np.var(ndimage.uniform_filter1d(profile, smooth)))
