"""Saving of figures with many colors, such as photographs beside charts."""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from stages.core.files import atomic_output
from stages.plots.style import rasterize

COLORS = 256  # `stages.plots.style.save_figure` takes 64, which changes the colors of small marks


def save_full_color(figure: Figure, path: Path) -> None:
    """Write a figure as PNG with a palette of 256 colors; equal figures result in equal bytes."""
    image = Image.fromarray(rasterize(figure)).quantize(COLORS, dither=Image.Dither.NONE)
    with atomic_output(path) as partial:
        image.save(partial, format="PNG", optimize=True)
