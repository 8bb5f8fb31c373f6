"""Picture files: decoded, cropped and resized.

Pillow decodes everywhere, since tf.io.decode_image has neither TIFF nor WebP, turns nothing
upright, and drops transparency, which uncovers whatever colour lies behind it.
"""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # JPEG includes MPO, of phones
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
POOL = ThreadPoolExecutor(os.cpu_count())


class UnusableError(ValueError):
    """A file is no picture, or not one that can be used; its message says why, in one line."""


class Cut(NamedTuple):
    """How a picture of any size becomes one of a fixed size.

    crop: [height, width] in pixels, the middle that is kept first; None keeps the whole picture.
    crop_factor: of that, the largest central rectangle of the proportions of `output_shape` is
        taken, and its sides multiplied by this, 0 to 1.
    output_shape: [height, width, channels] to which it is resized; 1 channel is grey, 3 are RGB.
    """

    crop: Sequence[int] | None
    crop_factor: float
    output_shape: Sequence[int]


def load(content: bytes) -> Image.Image:
    """Decode a picture file, of an animation the first frame.

    Raises:
        UnusableError: when it is not in one of FORMATS, cut off or otherwise damaged.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        image.load()
    except UnidentifiedImageError:
        raise UnusableError(f"not in a format that is read ({', '.join(FORMATS)})") from None
    except Exception as error:  # Pillow's decoders raise many kinds when a file is damaged
        raise UnusableError(f"damaged: {' '.join(str(error).split())}") from None
    return image


def convert(image: Image.Image, channels: int) -> Image.Image:
    """A picture upright as its camera was held, in 8-bit grey or RGB, transparent parts white.

    Of 16 bits the upper 8 are kept. CMYK is converted as Pillow does, without colour profiles.

    Raises:
        UnusableError: when its pixels are of a kind whose range is not known, such as floats.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BITS:  # convert() would clip them at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in MODES:
        raise UnusableError(f"pixels of mode {image.mode}, expected one of {', '.join(MODES)}")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB" if channels == 3 else "L")


def central_box(height: int, width: int, cut: Cut) -> tuple[int, int, int, int]:
    """The part of a picture that `cut` keeps: left, top, right, bottom in pixels.

    Raises:
        UnusableError: when the picture is too small: nothing is ever enlarged.
    """
    kept_height, kept_width = cut.crop or (height, width)
    if kept_height > height or kept_width > width:
        raise UnusableError(f"{height}x{width} pixels, crop needs {kept_height}x{kept_width}")
    output_height, output_width = cut.output_shape[:2]
    scale = min(kept_height / output_height, kept_width / output_width) * cut.crop_factor
    box_height, box_width = round(output_height * scale), round(output_width * scale)
    if box_height < output_height or box_width < output_width:
        raise UnusableError(
            f"too small: of {height}x{width} pixels the crop leaves {box_height}x{box_width}, "
            f"output_shape needs {output_height}x{output_width}"
        )
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def cut_out(image: Image.Image, cut: Cut) -> np.ndarray:
    """The part of a decoded picture that `cut` keeps, resized with antialiasing.

    Returns:
        uint8 of `cut.output_shape`.

    Raises:
        UnusableError: when it is too small or of a kind that can not be converted.
    """
    height, width, channels = cut.output_shape
    image = convert(image, channels)
    box = central_box(image.height, image.width, cut)
    resized = image.resize((width, height), Image.Resampling.BICUBIC, box)
    return np.asarray(resized).reshape(height, width, channels)


def read_picture(path: Path, cut: Cut) -> np.ndarray:
    """The picture in `path`, uint8 of `cut.output_shape`.

    Raises:
        UnusableError: with the path, when it can not be used.
    """
    try:
        return cut_out(load(path.read_bytes()), cut)
    except UnusableError as error:
        raise UnusableError(f"{path}: {error}") from None


def read_pictures(paths: Sequence[Path], cut: Cut) -> np.ndarray:
    """The pictures in `paths`, uint8 [n, height, width, channels], decoded on all processors.

    Raises:
        UnusableError: naming one that can not be used.
    """
    pictures = np.empty((len(paths), *cut.output_shape), np.uint8)
    for row, picture in enumerate(POOL.map(lambda path: read_picture(path, cut), paths)):
        pictures[row] = picture
    return pictures
