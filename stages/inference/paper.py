"""Separate ink from paper in a photograph: uneven light, colors, noise and printed lines."""

import numpy as np
from PIL import Image
from scipy import ndimage

OFFSET = 24.0  # added before the logarithm, so that dark pixels do not dominate
LOW, HIGH = 0.5, 0.75  # fractions of the strength of ink: all of a stroke, some of a stroke
MIN_CONTRAST = 0.06  # of ink, in the logarithm of brightness
LINE_ANGLES = np.deg2rad(np.arange(-16, 16.1, 1.0))
LINE_GAPS = 20  # percent of the pixels along a printed line that may have no ink
LINE_ENDS = 0.06  # of the width: parts at the rim, which printed lines reach and strokes rarely do
MAX_LINE_WIDTH = 0.02  # of the side of the image


def separate_ink(image: np.ndarray, lined: bool = True) -> np.ndarray | None:
    """Return how much ink there is in each pixel.

    Shadows divide the light of paper and ink by the same factor: in logarithms that is a
    difference, which a smooth background takes up. Ink is what differs from it, dark or light, in
    the direction of color in which it differs most.

    Args:
        image: Colors, uint8 [height, width, 3].
        lined: Whether to remove printed lines.

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
    if lined:
        ink = remove_lines(remove_lines(ink, noise).T, noise).T
    strength = ink_strength(ink, noise, lined)
    if strength < max(MIN_CONTRAST, 4 * noise):
        return None
    return (ink / strength).astype(np.float32)


def fit_background(x: np.ndarray) -> np.ndarray:
    """Fit a quadratic surface to each channel of x [height, width, channels], ignoring outliers.

    The rim counts more at first, since it is rarely ink.
    """
    factor = coarse_factor(x)
    small = shrink(x, factor)
    rows, columns = np.meshgrid(
        *(np.linspace(-1, 1, side) for side in small.shape[:2]), indexing="ij"
    )
    terms = [np.ones_like(rows), rows, columns, rows * columns, rows**2, columns**2]
    basis = np.stack(terms, axis=2).reshape(-1, 6)
    values = small.reshape(len(basis), -1)
    rim = np.maximum(np.abs(basis[:, 1]), np.abs(basis[:, 2])) > 0.85
    weights = np.where(rim, 1.0, 0.2)
    for _ in range(12):
        scaled = basis * weights[:, None]
        ridge = 1e-6 * np.trace(scaled.T @ basis) * np.eye(6)
        coefficients = np.linalg.solve(scaled.T @ basis + ridge, scaled.T @ values)
        residual = np.linalg.norm(values - basis @ coefficients, axis=1)
        scale = max(float(np.average(residual, weights=weights)), 0.01)
        weights = np.where(rim, 1.0, 0.4) / (1 + (residual / scale) ** 2) ** 2
    return enlarge((basis @ coefficients).reshape(small.shape), x.shape)


def fill_background(x: np.ndarray, inked: np.ndarray) -> np.ndarray:
    """Average each channel of x [height, width, channels] around each pixel, leaving out ink."""
    factor, side = coarse_factor(x), max(x.shape[:2])
    kept = ~ndimage.binary_dilation(inked, iterations=max(1, side // 100))
    kept = kept[..., None].astype(np.float32)
    values, weights = shrink(x * kept, factor), shrink(kept, factor)
    mean = x.mean(axis=(0, 1))
    filled = [blur_within(values, weights, side / part / factor, mean) for part in (4, 18)]
    density = ndimage.gaussian_filter(weights, (side / 18 / factor, side / 18 / factor, 0))
    trust = density / (density + 0.1)
    return enlarge(trust * filled[1] + (1 - trust) * filled[0], x.shape)


def blur_within(
    values: np.ndarray, weights: np.ndarray, sigma: float, default: np.ndarray
) -> np.ndarray:
    """Divide blurred values [height, width, channels] by blurred weights [height, width, 1]."""
    values, weights = (
        ndimage.gaussian_filter(each, (sigma, sigma, 0)) for each in (values, weights)
    )
    blurred: np.ndarray = (values + 1e-6 * default) / (weights + 1e-6)
    return blurred


def coarse_factor(x: np.ndarray) -> int:
    """Return the factor by which x [height, width, ...] is shrunk to compute smooth light."""
    return max(1, max(x.shape[:2]) // 100)


def shrink(x: np.ndarray, factor: int) -> np.ndarray:
    """Average x [height, width, channels] over blocks of `factor` pixels; the rim is repeated."""
    height, width, channels = x.shape
    padded = np.pad(x, ((0, -height % factor), (0, -width % factor), (0, 0)), mode="edge")
    blocks = padded.reshape(len(padded) // factor, factor, -1, factor, channels)
    averages: np.ndarray = blocks.mean(axis=(1, 3))
    return averages


def enlarge(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Interpolate averages of blocks [rows, columns, channels] to `shape`: height, width, ..."""
    factor = coarse_factor(np.empty(shape))
    size = (small.shape[1] * factor, small.shape[0] * factor)
    channels = [
        Image.fromarray(np.ascontiguousarray(small[..., c], np.float32)).resize(
            size, Image.Resampling.BILINEAR
        )
        for c in range(small.shape[2])
    ]
    return np.stack([np.asarray(each) for each in channels], axis=2)[: shape[0], : shape[1]]


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


def ink_strength(ink: np.ndarray, noise: float, lined: bool) -> float:
    """Return the ink of a full stroke, the median of inked pixels.

    If there may be printed lines, a second threshold puts weaker pixels with the paper.
    """
    inked = ink[ink > max(otsu(ink), 4 * noise)]
    if lined and inked.size:
        inked = inked[inked >= otsu(inked)]
    return float(np.median(inked)) if inked.size else 0.0


def remove_lines(ink: np.ndarray, noise: float) -> np.ndarray:
    """Remove printed lines that cross the image from left to right, tilted up to 16 degrees.

    A line is where most pixels of a tilted row have more ink than those above and below; they get
    the ink above or below, whichever is less, so that a stroke that crosses the line stays.

    Args:
        ink: Ink [height, width].
        noise: Standard deviation of ink on plain paper.
    """
    height, width = ink.shape
    reach = max(1, round(MAX_LINE_WIDTH * max(height, width) / 2))
    level = max(3 * noise, 0.02)
    narrow = ink - np.maximum(shift_rows(ink, -2 * reach), shift_rows(ink, 2 * reach))
    narrow = narrow.clip(-level, level).astype(np.float32)
    angle = find_tilt(narrow)
    offsets = tilt(width, angle)
    straight = shear(ink, offsets)
    ends = max(4, round(LINE_ENDS * width))
    parts = (straight, straight[:, :ends], straight[:, -ends:])
    lined = np.logical_and.reduce([is_line(part, reach, noise) for part in parts])
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


def is_line(straight: np.ndarray, reach: int, noise: float) -> np.ndarray:
    """Whether rows of ink [height, width] have more of it than rows near them, almost all along."""
    profile = np.percentile(straight, LINE_GAPS, axis=1)
    around = np.maximum(shift_rows(profile, -2 * reach - 1), shift_rows(profile, 2 * reach + 1))
    lined: np.ndarray = profile - around > max(noise, 0.03)
    return lined


def shift_rows(x: np.ndarray, by: int) -> np.ndarray:
    """Shift x [height, ...] down by a number of rows; those at the rim are repeated."""
    rows = np.clip(np.arange(len(x)) - by, 0, len(x) - 1)
    shifted: np.ndarray = x[rows]
    return shifted


def tilt(width: int, angle: float) -> np.ndarray:
    """Return by how many rows a line tilted by `angle`, in radians, moves in each column."""
    offsets: np.ndarray = np.rint(np.tan(angle) * (np.arange(width) - width / 2)).astype(int)
    return offsets


def shear(x: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift the columns of x [height, width] by offsets [width]; pixels at the rim are repeated."""
    rows = np.arange(len(x))[:, None] + offsets[None]
    sheared: np.ndarray = x[rows.clip(0, len(x) - 1), np.arange(x.shape[1])[None]]
    return sheared


def find_tilt(narrow: np.ndarray) -> float:
    """Return the tilt, in radians, at which tilted rows of `narrow` [height, width] differ most.

    About a hundred columns are enough.
    """
    columns = np.arange(0, narrow.shape[1], 1 + narrow.shape[1] // 100)
    sampled = narrow[:, columns]
    center = narrow.shape[1] / 2

    def contrast(angle: float, smooth: int) -> float:
        offsets = np.rint(np.tan(angle) * (columns - center)).astype(int)
        profile = shear(sampled, offsets).mean(axis=1)
        return float(np.var(ndimage.uniform_filter1d(profile, smooth)))

    angle = max(LINE_ANGLES, key=lambda each: contrast(float(each), 5))
    fine = angle + np.deg2rad(np.arange(-1, 1.01, 0.2))
    return float(max(fine, key=lambda each: contrast(float(each), 1)))
