"""One image file, whose pixels are the examples: coordinates and colors."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stages.core.errors import DataError
from stages.core.splits import SPLITS, Split
from stages.datasets.common import Prepared, check_counts, read_bytes
from stages.encoding.image import InvalidImageError, convert, load_image
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import SingleImage, SingleImagePreprocess

MIN_SIDE = 8  # pixels of the shorter side
MAX_BYTES = 1 << 28


def prepare(source: Path, config: "SingleImage") -> Prepared:
    """Read the image file `source`, downscale it and split its pixels at random.

    Raises:
        DataError: If the file is no valid image or too small, or no pixel is left for training.
    """
    original = read_image(source)
    side = config.preprocess.max_side
    image = original.copy()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    if min(image.size) < MIN_SIDE:
        raise DataError(
            f"{source}: expected at least {MIN_SIDE} pixels per side, found {original.width}x"
            f"{original.height}, downscaled to {image.width}x{image.height}"
        )
    counts = {"width": original.width, "height": original.height}
    colors = np.asarray(image)
    return Prepared(
        splits=split_pixels(colors, config.preprocess),
        info={
            "classes": [],
            "positive_class": None,
            "input": {
                "type": "pixel_coordinates",
                "height": image.height,
                "width": image.width,
            },
        },
        report={
            "counts": check_counts(counts, config.expected),
            "downscaled": {"width": image.width, "height": image.height},
        },
        figures={"image": plots.image(colors)},
    )


def read_image(path: Path) -> Image.Image:
    """Read an image file as RGB, with the EXIF orientation applied, transparent parts white.

    Raises:
        DataError: If the file is missing or not a valid image.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; put an image there or change `source`")
    try:
        return convert(load_image(read_bytes(path, MAX_BYTES)), channels=3)
    except InvalidImageError as error:
        raise DataError(f"{path}: {error}") from None


def split_pixels(colors: np.ndarray, options: "SingleImagePreprocess") -> dict[str, Split]:
    """Split pixels at random; validation and test split have at least one pixel each.

    Args:
        colors: RGB image, uint8 [height, width, 3].
        options: Fractions and seed.

    Returns:
        Splits by name: x, row and column, uint16 [n, 2]; y, RGB, uint8 [n, 3].

    Raises:
        DataError: If no pixel is left for training.
    """
    height, width, _ = colors.shape
    coordinates = np.indices((height, width), np.uint16).reshape(2, -1).T
    pixels = Split(coordinates, colors.reshape(-1, 3))
    fractions = np.cumsum([options.validation_fraction, options.test_fraction])
    ends = np.maximum((fractions * height * width).round().astype(int), [1, 2])
    if ends[1] >= height * width:
        raise DataError(
            "preprocess.validation_fraction and preprocess.test_fraction: expected to leave pixels "
            f"for training, found {options.validation_fraction:g} and {options.test_fraction:g} of "
            f"{height * width} pixels"
        )
    order = np.random.default_rng(options.seed).permutation(height * width)
    validation, test, train = (pixels.take(indices) for indices in np.split(order, ends))
    return dict(zip(SPLITS, (train, validation, test), strict=True))
