"""A drawn digit: what the networks see, what they answer, and the layers of one of them."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from stages.core.errors import DataError, UserError
from stages.demo.models import Models, Row
from stages.encoding.image import InvalidImageError
from stages.inference.digits import Found, find_digits
from stages.inference.explain.networks import FeatureMaps, compute_feature_maps
from stages.inference.images import open_content, open_image
from stages.page.media import arrange_frames

DATASET = "mnist"
PREFIX = "data:image/png;base64,"
MAX_URL = 4_000_000  # characters of a drawing: several times that of noise in its size
INSIDE = "mnist_cnn"  # the network whose layers are shown


class Reading(NamedTuple):
    """What is read in a drawing.

    Attributes:
        image: What the networks see, uint8 [28, 28].
        rows: Answers.
        layers: Feature maps of the network INSIDE; none if it is not trained.
        found: Number of digits found, of which the largest is read.
    """

    image: np.ndarray
    rows: Sequence[Row]
    layers: Sequence[FeatureMaps]
    found: int


def decode_drawing(url: str) -> Image.Image:
    """Decode a drawing, a PNG file in a data: URL.

    Raises:
        DataError: If it is none.
    """
    if not isinstance(url, str) or not url.startswith(PREFIX) or len(url) > MAX_URL:
        raise DataError("expected a drawing")
    try:
        return open_content(base64.b64decode(url[len(PREFIX) :], validate=True))
    except (binascii.Error, InvalidImageError) as error:
        raise DataError(f"the drawing is damaged: {error}") from None


def open_upload(path: Path) -> Image.Image:
    """Open an image file that was uploaded.

    Raises:
        DataError: If it cannot be read; the message has its name, not its folder.
    """
    try:
        return open_image(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), path.name)) from None


def read_digit(models: Models, photograph: Image.Image) -> Reading | None:
    """Let all networks of MNIST answer the largest digit of a photograph or drawing.

    Args:
        models: Models of the page.
        photograph: RGB image of any size.

    Returns:
        None if there is nothing drawn.
    """
    found = find_digits(photograph)
    if not found:
        return None
    image = max(found, key=measure_area).image
    rows = [
        models.classify(name, lambda _: image) for name in models.names("classification", DATASET)
    ]
    return Reading(image, rows, show_layers(models, image), len(found))


def measure_area(found: Found) -> int:
    """Return the area of the box of a digit in pixels."""
    left, top, right, bottom = found.box
    return (right - left) * (bottom - top)


def show_layers(models: Models, image: np.ndarray) -> list[FeatureMaps]:
    """Return the feature maps of the network INSIDE for an image, uint8 [28, 28]."""
    try:
        return compute_feature_maps(models.get(INSIDE).bundle.model, image)
    except UserError:  # its row says so
        return []


def arrange_maps(maps: FeatureMaps) -> Image.Image:
    """Arrange the feature maps of a layer side by side, the largest value white and 0 black."""
    values = maps.values.clip(0, None)
    gray = np.rint(255 * values / max(float(values.max()), 1e-6)).astype(np.uint8)
    padded = np.pad(gray, ((0, 1), (0, 1), (0, 0)), constant_values=96)
    frames = [Image.fromarray(channel) for channel in np.moveaxis(padded, -1, 0)]
    return arrange_frames(frames)[0]
