"""How all figures look, and how they and animations are saved."""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from stages.files import replacing

matplotlib.use("Agg")
matplotlib.rcParams.update(
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "figure.constrained_layout.use": True,
    }
)
COLORS = (24, 160)  # of a palette: enough for charts and grey pictures; for colour pictures
ERROR = 2.5  # levels of 255 by which a palette may be off on average
FRAME = 250  # milliseconds
LAST_FRAME = 3000


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG with a palette; equal figures give equal bytes."""
    picture = with_palette(rasterise(figure))
    with replacing(path) as partial:
        picture.save(partial, format="PNG", optimize=True)


def save_animation(frames: Sequence[np.ndarray], path: Path) -> None:
    """Write frames, uint8 [height, width] or [height, width, 3], as an animated PNG."""
    with replacing(path) as partial:
        partial.write_bytes(encode_animation(frames))


def encode_animation(frames: Sequence[np.ndarray]) -> bytes:
    """Frames, uint8 [height, width] or [height, width, 3], as an animated PNG.

    All share a palette, so that what stays equal from frame to frame costs nothing.
    """
    strip = with_palette(np.concatenate(frames))
    height, width = frames[0].shape[:2]
    first, *rest = [
        strip.crop((0, row * height, width, (row + 1) * height)) for row in range(len(frames))
    ]
    durations = [FRAME] * len(rest) + [LAST_FRAME]
    buffer = io.BytesIO()
    first.save(buffer, "PNG", save_all=True, append_images=rest, duration=durations, loop=0)
    return buffer.getvalue()


def with_palette(pixels: np.ndarray) -> Image.Image:
    """Pixels, uint8 [height, width] or [height, width, 3], in the fewest COLORS that look right.

    A palette makes charts and grey pictures a third as large.
    """
    original = Image.fromarray(pixels).convert("RGB")
    for colors in COLORS:
        reduced = original.quantize(colors, dither=Image.Dither.NONE)
        difference = np.asarray(original, float) - np.asarray(reduced.convert("RGB"), float)
        if np.abs(difference).mean() < ERROR:
            break
    return reduced


def rasterise(figure: Figure) -> np.ndarray:
    """The pixels of `figure`, uint8 [height, width, 3]."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures in rows of `columns`, a white pixel between them.

    pictures: uint8 [n, height, width] or [n, height, width, 3]. Returns uint8 of the same colours.
    """
    rows = math.ceil(len(pictures) / columns)
    missing = [(0, rows * columns - len(pictures)), (0, 1), (0, 1)]
    missing += [(0, 0)] * (pictures.ndim - 3)
    padded = np.pad(pictures, missing, constant_values=255)
    height, width = padded.shape[1:3]
    grid = padded.reshape(rows, columns, *padded.shape[1:]).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, *padded.shape[3:])[:-1, :-1]
