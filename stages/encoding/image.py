"""Image files: decoded, cropped and resized.

Pillow decodes, since tf.io.decode_image reads neither TIFF nor WebP, ignores the EXIF orientation,
and drops transparency, which exposes whatever color lies behind it.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.core.errors import DataError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # JPEG includes MPO, of phones
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


class InvalidImageError(DataError):
    """A file is no image, or not one that can be used; the message says why, in one line."""


class CropResize(NamedTuple):
    """How an image of any size becomes one of a fixed size.

    Attributes:
        center_crop: [height, width] in pixels, the central part to crop first; None crops nothing.
        crop_fraction: of that, the largest central rectangle with the aspect ratio of `shape` is
            taken, and its sides multiplied by this, above 0 to 1.
        shape: [height, width] (gray) or [height, width, channels] to resize to; 1 channel is
            gray, 3 are RGB.
    """

    center_crop: Sequence[int] | None
    crop_fraction: float
    shape: Sequence[int]

    @property
    def channels(self) -> int:
        """Channels of the result."""
        return self.shape[2] if len(self.shape) == 3 else 1


def encode_image(content: bytes, encoding: Mapping[str, Any]) -> np.ndarray:
    """An image file as one input of a model; small images are enlarged.

    Args:
        content: of the file.
        encoding: `input` of info.json, of type image: `shape`, and if images are cropped
            `center_crop` and `crop_fraction`.

    Returns:
        uint8 of `encoding["shape"]`.

    Raises:
        InvalidImageError: if it is no usable image.
    """
    crop = CropResize(
        encoding.get("center_crop"), encoding.get("crop_fraction", 1.0), encoding["shape"]
    )
    return crop_and_resize(load_image(content), crop, enlarge=True)


def load_image(content: bytes) -> Image.Image:
    """Decode an image file, of an animation the first frame.

    Raises:
        InvalidImageError: if it is not in one of FORMATS, truncated or otherwise damaged.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        image.load()
    except UnidentifiedImageError:
        raise InvalidImageError(f"not in a supported format ({', '.join(FORMATS)})") from None
    except Exception as error:  # Pillow's decoders raise many kinds when a file is damaged
        raise InvalidImageError(f"damaged: {' '.join(str(error).split())}") from None
    return image


def convert(image: Image.Image, channels: int) -> Image.Image:
    """Apply the EXIF orientation and convert to 8-bit gray or RGB, with transparent parts white.

    Of 16 bits the upper 8 are kept. CMYK is converted without color profiles.

    Args:
        image: as decoded.
        channels: 1 for gray, 3 for RGB.

    Raises:
        InvalidImageError: if the range of its pixels is not known, for example floats.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in SIXTEEN_BIT_MODES:  # Pillow's conversion would clip them at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in MODES:
        raise InvalidImageError(f"pixels of mode {image.mode}, expected one of {', '.join(MODES)}")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB" if channels == 3 else "L")


def central_box(
    height: int, width: int, crop: CropResize, enlarge: bool = False
) -> tuple[int, int, int, int]:
    """The part of an image that `crop` keeps.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        crop: how it is cropped.
        enlarge: whether the part may be smaller than the result.

    Returns:
        left, top, right, bottom in pixels.

    Raises:
        InvalidImageError: if the image is too small and may not be enlarged.
    """
    cropped_height, cropped_width = crop.center_crop or (height, width)
    if enlarge:
        cropped_height, cropped_width = min(cropped_height, height), min(cropped_width, width)
    if cropped_height > height or cropped_width > width:
        raise InvalidImageError(
            f"{height}x{width} pixels, center_crop needs {cropped_height}x{cropped_width}"
        )
    to_height, to_width = crop.shape[:2]
    scale = min(cropped_height / to_height, cropped_width / to_width) * crop.crop_fraction
    box_height, box_width = round(to_height * scale), round(to_width * scale)
    if enlarge:
        box_height, box_width = max(box_height, 1), max(box_width, 1)
    elif box_height < to_height or box_width < to_width:
        raise InvalidImageError(
            f"too small: of {height}x{width} pixels the crop leaves {box_height}x{box_width}, "
            f"image_shape needs {to_height}x{to_width}"
        )
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def crop_and_resize(image: Image.Image, crop: CropResize, enlarge: bool = False) -> np.ndarray:
    """Crop and resize a decoded image, bicubic with antialiasing.

    Args:
        image: as decoded.
        crop: how it is cropped and resized.
        enlarge: whether it may be enlarged.

    Returns:
        uint8 of `crop.shape`.

    Raises:
        InvalidImageError: if it is too small or cannot be converted.
    """
    height, width = crop.shape[:2]
    image = convert(image, crop.channels)
    box = central_box(image.height, image.width, crop, enlarge)
    resized = image.resize((width, height), Image.Resampling.BICUBIC, box)
    return np.asarray(resized).reshape(tuple(crop.shape))
