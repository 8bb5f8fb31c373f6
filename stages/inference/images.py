"""Open image files that users name: checked before they are decoded."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.core.errors import DataError
from stages.encoding.image import FORMATS, InvalidImageError, convert, load_image

MAX_PIXELS = 64_000_000  # more than those of phones; a bomb of a few kilobytes could have billions
MAX_BYTES = 200_000_000
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def list_files(argument: str) -> Iterator[Path]:
    """Return the file, or all image files of a folder, sorted.

    Raises:
        DataError: If there is no such file, or no image in the folder.
    """
    path = Path(argument)
    if not path.is_dir():
        yield path
        return
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"{argument}: no images in this folder ({', '.join(SUFFIXES)})")
    yield from files


def open_image(path: Path) -> Image.Image:
    """Open an image file as RGB, upright, transparent parts in a color unlike the others.

    Raises:
        DataError: If there is no such file, or it is not an image, damaged, too large or animated.
    """
    try:
        return open_content(read_content(path))
    except InvalidImageError as error:
        raise DataError(f"{path}: {error}") from None


def open_content(content: bytes) -> Image.Image:
    """Open the content of an image file; see `open_image`.

    Raises:
        InvalidImageError: If it is not an image, damaged, too large or animated.
    """
    check_header(content)
    return to_rgb(load_image(content))


def read_content(path: Path) -> bytes:
    """Read a file.

    Raises:
        DataError: If there is no such file, or it is empty.
        InvalidImageError: If it is too large.
    """
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise InvalidImageError(f"too large: expected at most {MAX_BYTES / 1e6:.0f} MB")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: {reason}; expected an image file") from None
    if not content:
        raise InvalidImageError("empty, expected an image")
    return content


def check_header(content: bytes) -> None:
    """Check size and number of images of a file before it is decoded.

    Raises:
        InvalidImageError: If it is too large, or animated.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except UnidentifiedImageError:
        raise InvalidImageError(f"not in a supported format ({', '.join(FORMATS)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidImageError(f"too large: expected at most {MAX_PIXELS} pixels") from None
    except Exception as error:  # Pillow raises many types when a file is damaged
        raise InvalidImageError(f"damaged: {' '.join(str(error).split())}") from None
    if width * height > MAX_PIXELS:
        raise InvalidImageError(
            f"too large: {width}x{height} pixels, expected at most {MAX_PIXELS} in all"
        )
    if frames > 1:
        raise InvalidImageError(f"animated: {frames} images, expected one")


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image to RGB; light drawings on a transparent ground get a black one."""
    if not image.has_transparency_data:
        return convert(image, 3)
    pixels = np.asarray(convert_alpha(image), np.float32)
    opacity = pixels[..., 3:] / 255
    drawn = float((pixels[..., :3] * opacity).sum() / max(3 * float(opacity.sum()), 1.0))
    ground = 0 if drawn > 128 and opacity.min() < 0.5 else 255
    blended = pixels[..., :3] * opacity + ground * (1 - opacity)
    return Image.fromarray(np.rint(blended).astype(np.uint8))


def convert_alpha(image: Image.Image) -> Image.Image:
    """Convert to RGBA, upright."""
    return ImageOps.exif_transpose(image).convert("RGBA")
