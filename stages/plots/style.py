"""Style of all figures, and saving of figures and animations."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from stages.core.files import atomic_output
from stages.plots.colors import COLOR_CYCLE

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOR_CYCLE),
    "grid.alpha": 0.3,
    "figure.constrained_layout.use": True,
    "image.cmap": "gray",
}
DPI = 100
PALETTE_SIZES = (64, 256)  # enough for charts and grayscale images; for color images
MAX_PALETTE_ERROR = 2.5  # mean absolute difference of the pixels, of 0 to 255
FRAME_MILLISECONDS = 250
LAST_FRAME_MILLISECONDS = 3000


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save figures in the project's style; other settings are restored at the end.

    Entry scripts use it once. Figures are `matplotlib.figure.Figure`, never pyplot's, so their
    backend is Agg whatever is configured.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG with a palette; equal figures result in equal bytes."""
    image = quantize(rasterize(figure))
    with atomic_output(path) as partial:
        image.save(partial, format="PNG", optimize=True)


def save_animation(frames: Sequence[np.ndarray], path: Path) -> None:
    """Write frames, uint8 [height, width] or [height, width, 3], as an animated PNG."""
    with atomic_output(path) as partial:
        partial.write_bytes(encode_animation(frames))


def encode_animation(frames: Sequence[np.ndarray]) -> bytes:
    """Encode an animated PNG.

    All frames share a palette, so that unchanged regions of a frame take no space.

    Args:
        frames: Frames, uint8 [height, width] or [height, width, 3] each.

    Returns:
        Content of a PNG file.
    """
    strip = quantize(np.concatenate(frames))
    height, width = frames[0].shape[:2]
    first, *rest = [
        strip.crop((0, number * height, width, (number + 1) * height))
        for number in range(len(frames))
    ]
    durations = [FRAME_MILLISECONDS] * len(rest) + [LAST_FRAME_MILLISECONDS]
    buffer = io.BytesIO()
    first.save(buffer, "PNG", save_all=True, append_images=rest, duration=durations, loop=0)
    return buffer.getvalue()


def quantize(pixels: np.ndarray) -> Image.Image:
    """Reduce an image to the smallest of PALETTE_SIZES within MAX_PALETTE_ERROR.

    A palette makes charts and grayscale images a third as large.

    Args:
        pixels: Image, uint8 [height, width] or [height, width, 3].

    Returns:
        Image with a palette.
    """
    original = Image.fromarray(pixels).convert("RGB")
    for size in PALETTE_SIZES:
        reduced = original.quantize(size, dither=Image.Dither.NONE)
        difference = np.asarray(original, float) - np.asarray(reduced.convert("RGB"), float)
        if np.abs(difference).mean() < MAX_PALETTE_ERROR:
            break
    return reduced


def rasterize(figure: Figure) -> np.ndarray:
    """Render a figure as pixels, uint8 [height, width, 3].

    `Figure.savefig` renders it twice, for the layout first.
    """
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
