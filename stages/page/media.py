"""Images of the page, as WebP in data: URLs."""

import base64
import gzip
import io
import math
from collections.abc import Sequence

from PIL import Image

LOSSY_QUALITY = 60
MAX_FRAMES = 16  # of an animation; those of 34 frames would add half a megabyte to the page


def to_url(image: Image.Image) -> str:
    """Encode an image as a data: URL; equal images give equal URLs.

    Charts are smaller without loss, photographs with loss: the smaller of both is used.
    """
    color = image.convert("RGB")
    options = ({"lossless": True}, {"quality": LOSSY_QUALITY})
    content = min((encode(color, **option) for option in options), key=len)
    return data_url("image/webp", content)


def svg_to_url(svg: str) -> str:
    """Encode an SVG document as a data: URL."""
    return data_url("image/svg+xml", svg.encode())


def data_url(kind: str, content: bytes) -> str:
    """Return content of a media type as a data: URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def encode(image: Image.Image, **options: int) -> bytes:
    """Encode an image as WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=6, **options)  # the slowest and smallest
    return buffer.getvalue()


def compress(text: str) -> str:
    """Compress a text with gzip and encode it as base64; equal texts give equal results."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def thin_out(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Return at most MAX_FRAMES frames at equal distances, the first and the last among them."""
    count = min(len(frames), MAX_FRAMES)
    return [
        frames[round(number * (len(frames) - 1) / max(count - 1, 1))] for number in range(count)
    ]


def arrange_frames(frames: Sequence[Image.Image]) -> tuple[Image.Image, int]:
    """Arrange the frames of an animation in a grid that is about square.

    Args:
        frames: Frames of the same size.

    Returns:
        The grid, row by row, and its number of columns.
    """
    width, height = frames[0].size
    columns = math.ceil(math.sqrt(len(frames) * height / width))
    rows = math.ceil(len(frames) / columns)
    grid = Image.new("RGB", (columns * width, rows * height), "white")
    for number, frame in enumerate(frames):
        row, column = divmod(number, columns)
        grid.paste(frame, (column * width, row * height))
    return grid, columns
