"""Images of the page, as WebP in data: URLs."""

import base64
import gzip
import hashlib
import io
import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, features

from stages.core.files import atomic_output, remove

OPTIONS: tuple[dict[str, int], ...] = ({"lossless": True}, {"quality": 60})  # of WebP
FASTEST, SMALLEST = 0, 6  # methods of WebP
MAX_UNUSED = 30 * 24 * 3600  # seconds
WRITING = threading.Lock()  # equal images are written to the same file
MAX_FRAMES = 16  # of an animation; those of 34 frames would add half a megabyte to the page


def kept_url(image: Image.Image, folder: Path) -> str:
    """Return the data: URL of an image, from a folder if it was encoded before.

    Args:
        image: Image to encode.
        folder: Folder of encoded images, each named by a hash of all that its bytes depend on.
    """
    color = image.convert("RGB")
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(f"{features.version('webp')} {color.size}".encode())
    digest.update(color.tobytes())
    path = folder / f"{digest.hexdigest()[:32]}.txt"
    if not path.exists():
        url = to_url(color)
        with WRITING, atomic_output(path) as partial:
            partial.write_text(url, encoding="ascii")
    path.touch()
    return path.read_text(encoding="ascii")


def remove_unused(folder: Path) -> None:
    """Remove what `kept_url` did not return for MAX_UNUSED seconds."""
    for path in folder.glob("*"):
        if path.stat().st_mtime < time.time() - MAX_UNUSED:
            remove(path)


def to_url(image: Image.Image) -> str:
    """Encode an image as a data: URL; equal images give equal URLs.

    Charts are smaller without loss, photographs with loss: what is smaller with the fastest method
    is used.
    """
    color = image.convert("RGB")
    best = min(OPTIONS, key=lambda options: len(encode(color, method=FASTEST, **options)))
    return data_url("image/webp", encode(color, method=SMALLEST, **best))


def svg_to_url(svg: str) -> str:
    """Encode an SVG document as a data: URL."""
    return data_url("image/svg+xml", svg.encode())


def data_url(kind: str, content: bytes) -> str:
    """Return content of a media type as a data: URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def encode(image: Image.Image, **options: int) -> bytes:
    """Encode an image as WebP."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
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
