"""Decoding, cropping and resizing of image files.

Pillow decodes, since tf.io.decode_image reads neither TIFF nor WebP, ignores the EXIF orientation,
and drops transparency, which exposes hidden colors.
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
    """Not a valid image; the message says why, in one line."""


class CropResize(NamedTuple):
    """Settings for cropping and resizing images of any size to a fixed size.

    Attributes:
        center_crop: Size of the center crop that is taken first, [height, width] in pixels; None
            for no center crop.
        crop_fraction: Factor, above 0 to 1, for the sides of the largest central rectangle with
            the aspect ratio of `shape`.
        shape: Output shape, [height, width] (grayscale) or [height, width, channels]; 1 channel
            is grayscale, 3 are RGB.
    """

    center_crop: Sequence[int] | None
    crop_fraction: float
    shape: Sequence[int]

    @property
    def channels(self) -> int:
        """Number of channels of the result."""
        return self.shape[2] if len(self.shape) == 3 else 1


def encode_image(content: bytes, encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode an image file as one model input; small images are enlarged.

    Args:
        content: Content of the file.
        encoding: `input` of info.json, of type image: `shape`, and if images are cropped
            `center_crop` and `crop_fraction`.

    Returns:
        Image, uint8 of shape `encoding["shape"]`.

    Raises:
        InvalidImageError: If it is not a valid image.
    """
    crop = CropResize(
        encoding.get("center_crop"), encoding.get("crop_fraction", 1.0), encoding["shape"]
    )
    return crop_and_resize(load_image(content), crop, enlarge=True)


def load_image(content: bytes) -> Image.Image:
    """Decode an image file; of an animation, the first frame.

    Raises:
        InvalidImageError: If it is not in one of FORMATS, truncated or otherwise damaged.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        image.load()
    except UnidentifiedImageError:
        raise InvalidImageError(f"not in a supported format ({', '.join(FORMATS)})") from None
    except Exception as error:  # Pillow's decoders raise many types when a file is damaged
        raise InvalidImageError(f"damaged: {' '.join(str(error).split())}") from None
    return image


def convert(image: Image.Image, channels: int) -> Image.Image:
    """Apply the EXIF orientation and convert to 8-bit grayscale or RGB, transparent parts white.

    Of 16 bits the upper 8 are kept. CMYK is converted without color profiles.

    Args:
        image: Decoded image.
        channels: 1 for grayscale, 3 for RGB.

    Returns:
        Converted image.

    Raises:
        InvalidImageError: If the range of its pixel values is unknown, for example floats.
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
    """Compute the crop box of an image.

    Args:
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        crop: Crop settings.
        enlarge: Whether the box may be smaller than the result.

    Returns:
        Left, top, right and bottom of the box in pixels.

    Raises:
        InvalidImageError: If the image is too small and may not be enlarged.
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
        image: Decoded image.
        crop: Crop settings.
        enlarge: Whether the image may be enlarged.

    Returns:
        Image, uint8 of shape `crop.shape`.

    Raises:
        InvalidImageError: If it is too small or cannot be converted.
    """
    height, width = crop.shape[:2]
    image = convert(image, crop.channels)
    box = central_box(image.height, image.width, crop, enlarge)
    resized = image.resize((width, height), Image.Resampling.BICUBIC, box)
    return np.asarray(resized).reshape(tuple(crop.shape))
