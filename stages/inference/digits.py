"""Find handwritten digits in a photograph, and bring them into the form of MNIST.

The digits of MNIST were black and white; each was scaled to fit into 20x20 pixels, whereby
antialiasing made grays, and placed in 28x28 pixels with its center of mass in the middle, white on
black.

Reference:
    LeCun, Cortes, Burges: The MNIST database of handwritten digits.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage

from stages.inference.paper import HIGH, LOW, separate_ink

SIDE, BOX = 28, 20  # pixels of an image of MNIST, and of the box that holds its digit
FINE = 160  # pixels of the longest side of a digit where its strokes are thickened
MIN_STROKE, MAX_STROKE = 2.2, 4.2  # pixels in the box: most digits of MNIST have 2 to 4
WORKING = (96, 800)  # pixels of the longest side of the photograph while digits are searched
MIN_LINED_SIDE = 80  # pixels of a photograph in which printed lines can be told from strokes
MAX_DIGITS = 200


class Found(NamedTuple):
    """Part of an image that is to be classified.

    Attributes:
        image: In the form of the training data, uint8 [28, 28].
        box: Left, top, right and bottom in the photograph, in pixels.
    """

    image: np.ndarray
    box: tuple[int, int, int, int]


def find_digits(photograph: Image.Image) -> list[Found]:
    """Find digits, in reading order.

    Args:
        photograph: RGB image.

    Returns:
        Digits; none if there are none.
    """
    unchanged = as_mnist(photograph)
    if unchanged is not None:
        return [Found(unchanged, (0, 0, SIDE, SIDE))]
    scale = working_scale(photograph.size)
    size = [max(1, round(side * scale)) for side in photograph.size]
    resized = photograph.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    smooth = ndimage.gaussian_filter(np.asarray(resized), (0.7, 0.7, 0))
    ink = separate_ink(smooth, lined=min(photograph.size) >= MIN_LINED_SIDE)
    if ink is None:
        return []
    found = []
    for piece in in_reading_order(group(*find_pieces(ink)))[:MAX_DIGITS]:
        rows, columns = piece.where
        box = (columns.start, rows.start, columns.stop, rows.stop)
        left, top, right, bottom = (round(side / scale) for side in box)
        found.append(Found(normalize(ink, piece.mask), (left, top, right, bottom)))
    return found


def as_mnist(photograph: Image.Image) -> np.ndarray | None:
    """Return the image, uint8 [28, 28], if it is in the form of MNIST already or its negative."""
    if photograph.size != (SIDE, SIDE):
        return None
    gray = np.asarray(photograph.convert("L"))
    for image in (gray, 255 - gray):
        drawn = image > 24
        if image.max() < 128 or np.median(image) > 8 or drawn.mean() > 0.5:
            continue
        rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        longest = max(np.ptp(rows), np.ptp(columns)) + 1
        center = ndimage.center_of_mass(np.where(image > 8, image, 0))
        if BOX - 3 <= longest <= BOX and all(13.2 <= each <= 14.8 for each in center):
            return image
    return None


def working_scale(size: tuple[int, int]) -> float:
    """Return the factor by which a photograph is scaled before digits are searched."""
    smallest, largest = WORKING
    longest = max(size)
    return max(smallest / longest, 1.0) if longest <= largest else largest / longest


class Piece(NamedTuple):
    """Connected strokes, or the strokes of a digit.

    Attributes:
        mask: Pixels, bool [height, width] of the whole photograph.
        where: Slices of rows and columns that contain them.
    """

    mask: np.ndarray
    where: tuple[slice, slice]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.where[0].stop - self.where[0].start)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.where[1].stop - self.where[1].start)


def find_pieces(ink: np.ndarray) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces that are as tall as digits, and the smaller ones.

    Specks, pieces without strong ink, and shadows at the rim are left out.
    """
    labels, count = ndimage.label(ink > LOW, np.ones((3, 3)))
    if not count:
        return [], []
    strong = ndimage.maximum(ink, labels, range(1, count + 1))
    areas = np.bincount(labels.ravel())[1:]
    pieces = []
    for number, where in enumerate(ndimage.find_objects(labels), 1):
        if strong[number - 1] >= HIGH and areas[number - 1] >= max(4, 0.02 * areas.max()):
            pieces.append(Piece(labels == number, where))
    inner = [piece for piece in pieces if not is_rim(piece, ink.shape)] or pieces
    tallest = max((max(piece.height, piece.width) for piece in inner), default=0)
    large = [piece for piece in inner if piece.height >= 0.4 * tallest]
    return large or inner, [piece for piece in inner if piece.height < 0.4 * tallest]


def is_rim(piece: Piece, shape: tuple[int, ...]) -> bool:
    """Whether a piece lies along the rim of the photograph, such as the edge of the paper."""
    rows, columns = piece.where
    touched = [rows.start == 0, rows.stop == shape[0], columns.start == 0, columns.stop == shape[1]]
    along = piece.height > 0.8 * shape[0] or piece.width > 0.8 * shape[1]
    thin = piece.mask.sum() < 0.2 * piece.height * piece.width
    small = min(piece.height, piece.width) < 0.06 * min(shape)
    return any(touched) and (small or (sum(touched) >= 2 and along and thin))


def group(large: list[Piece], small: list[Piece]) -> list[Piece]:
    """Merge pieces of one digit: large ones above each other, and small ones with the nearest."""
    digits: list[Piece] = []
    for piece in sorted(large, key=lambda each: -each.height):
        for index, digit in enumerate(digits):
            if belong_together(digit, piece):
                digits[index] = merge(digit, piece)
                break
        else:
            digits.append(piece)
    for piece in small:
        if not digits:
            break
        gaps = [gap(digit, piece) for digit in digits]
        nearest = int(np.argmin(gaps))
        if gaps[nearest] <= 0.2 * digits[nearest].height:
            digits[nearest] = merge(digits[nearest], piece)
    return digits


def belong_together(digit: Piece, piece: Piece) -> bool:
    """Whether a piece is above, below or inside a digit, or closer beside it than other digits."""
    (rows, columns), (other_rows, other_columns) = digit.where, piece.where
    shared = min(columns.stop, other_columns.stop) - max(columns.start, other_columns.start)
    above = max(rows.start, other_rows.start) - min(rows.stop, other_rows.stop)
    tallest = max(digit.height, piece.height)
    width = max(columns.stop, other_columns.stop) - min(columns.start, other_columns.start)
    if above < 0 and -0.05 * tallest <= shared <= 0 and width <= 0.85 * tallest:
        return True
    return (
        shared >= 0.5 * min(digit.width, piece.width)
        and above <= 0.12 * max(digit.height, piece.height)
        and max(rows.stop, other_rows.stop) - min(rows.start, other_rows.start)
        <= 1.7 * max(digit.height, piece.height)
    )


def gap(digit: Piece, piece: Piece) -> float:
    """Return the distance between the boxes of two pieces in pixels."""
    gaps = [
        max(one.start - other.stop, other.start - one.stop, 0)
        for one, other in zip(digit.where, piece.where, strict=True)
    ]
    return float(np.hypot(*gaps))


def merge(one: Piece, other: Piece) -> Piece:
    """Return the piece that contains the pixels of both."""
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(one.where, other.where, strict=True)
    )
    return Piece(one.mask | other.mask, (rows, columns))


def in_reading_order(digits: list[Piece]) -> list[Piece]:
    """Sort digits by lines from top to bottom, and within a line from left to right."""
    lines: list[list[Piece]] = []
    for digit in sorted(digits, key=lambda each: each.where[0].start + each.where[0].stop):
        middle = (digit.where[0].start + digit.where[0].stop) / 2
        if lines and middle < np.mean([each.where[0].stop for each in lines[-1]]):
            lines[-1].append(digit)
        else:
            lines.append([digit])
    return [digit for line in lines for digit in sorted(line, key=lambda each: each.where[1].start)]


def normalize(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Bring a digit into the form of MNIST.

    Args:
        ink: Ink [height, width], 1 where there is a full stroke.
        mask: Pixels of the digit, bool [height, width].

    Returns:
        Image, uint8 [28, 28].
    """
    near = ndimage.binary_dilation(mask, iterations=2)
    own = np.where(near, ink, 0).clip(0, 1)
    rows, columns = ndimage.find_objects(near.astype(int))[0]
    cropped = np.pad(own[rows, columns], 2)
    scale = FINE / max(cropped.shape)
    size = (max(1, round(cropped.shape[1] * scale)), max(1, round(cropped.shape[0] * scale)))
    enlarged = Image.fromarray(cropped.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    strokes = adjust_strokes(np.asarray(enlarged) > LOW)
    return place(strokes)


def adjust_strokes(strokes: np.ndarray) -> np.ndarray:
    """Make strokes [height, width] about as thick as those of MNIST."""
    strokes = np.pad(strokes, FINE // 6)
    longest = (
        max(np.ptp(np.flatnonzero(strokes.any(1))), np.ptp(np.flatnonzero(strokes.any(0)))) + 1
    )
    pixel = longest / BOX  # of the box, in those of `strokes`
    width = stroke_width(strokes)
    if width < MIN_STROKE * pixel:
        missing = (MIN_STROKE * pixel - width) / 2
        return ndimage.distance_transform_edt(~strokes) <= missing
    if width > MAX_STROKE * pixel:
        inner: np.ndarray = (
            ndimage.distance_transform_edt(strokes) > (width - MAX_STROKE * pixel) / 2
        )
        return inner if inner.any() else strokes
    return strokes


def stroke_width(strokes: np.ndarray) -> float:
    """Estimate the width of strokes: along a ridge, the distance to the edge is half of it."""
    distance = ndimage.distance_transform_edt(strokes)
    ridge = (distance == ndimage.maximum_filter(distance, 5)) & strokes
    return float(2 * np.median(distance[ridge])) if ridge.any() else 0.0


def place(strokes: np.ndarray) -> np.ndarray:
    """Scale strokes, bool [height, width], into the box and center them by mass, uint8 [28, 28]."""
    rows, columns = ndimage.find_objects(strokes.astype(int))[0]
    cropped = Image.fromarray(255 * strokes[rows, columns].astype(np.uint8))
    scale = BOX / max(cropped.size)
    size = (max(1, round(cropped.width * scale)), max(1, round(cropped.height * scale)))
    # A box filter twice as wide as a pixel is as smooth as MNIST.
    small = np.asarray(cropped.resize(size, Image.Resampling.BILINEAR)).astype(np.float32)
    center = ndimage.center_of_mass(small)
    image = np.zeros((SIDE, SIDE), np.float32)
    top, left = (
        int(np.clip(round(SIDE / 2 - middle), 0, SIDE - length))
        for middle, length in zip(center, small.shape, strict=True)
    )
    image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return np.rint(image.clip(0, 255)).astype(np.uint8)
