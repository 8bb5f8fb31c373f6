"""How all figures look, and how they are saved."""

import io
from pathlib import Path

import matplotlib
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
COLORS = 24  # of the palette: enough for charts and grey pictures, and a third of the bytes


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG with a palette; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    buffer.seek(0)
    picture = Image.open(buffer).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    with replacing(path) as partial:
        picture.save(partial, format="PNG", optimize=True)
