"""Image files of every kind, for tests of functions that read them."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Color = tuple[int, int, int]
LEFT: Color = (200, 30, 90)
RIGHT: Color = (20, 160, 240)
WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)


def halves(side: int = 64, left: Color = LEFT, right: Color = RIGHT) -> Image.Image:
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[:, : side // 2], pixels[:, side // 2 :] = left, right
    return Image.fromarray(pixels)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def luma(color: Color) -> int:
    return round(0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2])  # ITU-R 601


def gray(color: Color) -> Color:
    return (luma(color),) * 3


def with_alpha(alpha: int) -> Image.Image:
    image = halves().convert("RGBA")
    image.paste((*LEFT, alpha), (0, 0, 32, 64))
    return image


def sixteen_bits() -> Image.Image:
    pixels = np.full((64, 64), 0x1234, np.uint16)
    pixels[:, 32:] = 0xFEDC
    return Image.fromarray(pixels)


def rotated() -> bytes:
    """Return an upright image with rotated pixels and EXIF orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(halves().rotate(90), "PNG", exif=exif)


def palette() -> bytes:
    return encode(halves().quantize(2, dither=Image.Dither.NONE), "PNG")


def transparent_palette() -> bytes:
    image = halves().quantize(2, dither=Image.Dither.NONE)
    return encode(image, "PNG", transparency=image.getpixel((0, 0)))


def animated(kind: str) -> bytes:
    return encode(halves(), kind, save_all=True, append_images=[halves(64, RIGHT, LEFT)])


JPEG: dict[str, Any] = {"quality": 95, "subsampling": 0}
KINDS: dict[str, tuple[Callable[[], bytes], Color, Color]] = {  # content, colors left and right
    "RGB JPEG": (lambda: encode(halves(), "JPEG", **JPEG), LEFT, RIGHT),
    "progressive JPEG": (lambda: encode(halves(), "JPEG", progressive=True, **JPEG), LEFT, RIGHT),
    "gray JPEG": (
        lambda: encode(halves().convert("L"), "JPEG", **JPEG), gray(LEFT), gray(RIGHT)),
    "CMYK JPEG": (lambda: encode(halves().convert("CMYK"), "JPEG", **JPEG), LEFT, RIGHT),
    "two-image JPEG (MPO)": (lambda: animated("MPO"), LEFT, RIGHT),
    "RGB PNG": (lambda: encode(halves(), "PNG"), LEFT, RIGHT),
    "gray PNG": (lambda: encode(halves().convert("L"), "PNG"), gray(LEFT), gray(RIGHT)),
    "palette PNG": (palette, LEFT, RIGHT),
    "palette PNG, one color transparent": (transparent_palette, WHITE, RIGHT),
    "RGBA PNG, opaque": (lambda: encode(with_alpha(255), "PNG"), LEFT, RIGHT),
    "RGBA PNG, half transparent": (lambda: encode(with_alpha(128), "PNG"), (227, 142, 172), RIGHT),
    "RGBA PNG, transparent": (lambda: encode(with_alpha(0), "PNG"), WHITE, RIGHT),
    "gray and alpha PNG": (
        lambda: encode(with_alpha(0).convert("LA"), "PNG"), WHITE, gray(RIGHT)),
    "1-bit PNG": (lambda: encode(halves(64, BLACK, WHITE).convert("1"), "PNG"), BLACK, WHITE),
    "16-bit PNG": (lambda: encode(sixteen_bits(), "PNG"), (0x12,) * 3, (0xFE,) * 3),
    "16-bit TIFF": (lambda: encode(sixteen_bits(), "TIFF"), (0x12,) * 3, (0xFE,) * 3),
    "CMYK TIFF": (lambda: encode(halves().convert("CMYK"), "TIFF"), LEFT, RIGHT),
    "BMP": (lambda: encode(halves(), "BMP"), LEFT, RIGHT),
    "WebP": (lambda: encode(halves(), "WEBP", lossless=True), LEFT, RIGHT),
    "animated GIF": (lambda: animated("GIF"), LEFT, RIGHT),
    "EXIF-rotated PNG": (rotated, LEFT, RIGHT),
}  # fmt: skip

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
BAD = {  # content, and what is wrong with it if 32x32 pixels are needed
    "notes.txt": (b"a text", "not in a supported format"),
    "empty.png": (b"", "not in a supported format"),
    "cut.jpg": (encode(NOISE, "JPEG")[:1500], "damaged: image file is truncated"),
    "cut.png": (encode(NOISE, "PNG")[:1500], "damaged: image file is truncated"),
    "cut.gif": (encode(NOISE, "GIF")[:1500], "damaged: image file is truncated"),
    "flipped.png": (encode(NOISE, "PNG").replace(b"IDAT\x78", b"IDAT\x00", 1), "damaged: "),
    "tiny.png": (encode(Image.new("RGB", (1, 1)), "PNG"),
                 "too small: of 1x1 pixels the crop leaves 1x1, image_shape needs 32x32"),
    "narrow.png": (encode(Image.new("RGB", (500, 31)), "PNG"), "too small: of 31x500 pixels"),
    "float.tiff": (encode(Image.fromarray(np.ones((64, 64), np.float32)), "TIFF"),
                   "pixels of mode F"),
    "postscript.eps": (encode(halves(), "EPS"), "not in a supported format"),
}  # fmt: skip
