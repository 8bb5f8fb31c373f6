"""Draw data/own/digits/: ten easy and ten hard digits, by a model of a pen on paper.

Not a stage of the pipeline: the images are in git. `python -m stages.draw_digits` draws them again,
the same bytes each time. No digit was chosen, left out or redrawn by what a network answers.

A stroke is a spline through a few points. The hand slants, rotates and trembles; the pen has a
width, which pressure changes along the stroke; ink covers paper that has a color, grain, lines or a
shadow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline

from stages.core.cli import exit_on_error
from stages.core.files import atomic_output

FOLDER = Path("data/own/digits")
SUPERSAMPLING = 4  # pixels of a drawing along a pixel of the file
STEP = 0.005  # distance of the points along a stroke, as a fraction of the height of the digit
WAVE = 16  # points over which tremor and pressure change
COLORS = 32  # of the palette of a file
Points = Sequence[tuple[float, float]]
Strokes = Sequence[Points]
Color = tuple[int, int, int]

# Strokes in a square: x to the right and y down, 0 to 1. Strokes that meet form a corner.
SCHOOL: dict[int, Strokes] = {
    0: [[(0.5, 0), (0.2, 0.13), (0.06, 0.5), (0.2, 0.87), (0.5, 1), (0.8, 0.87), (0.94, 0.5),
         (0.8, 0.13), (0.5, 0)]],
    1: [[(0.55, 0), (0.52, 0.5), (0.5, 1)]],
    2: [[(0.1, 0.22), (0.5, 0), (0.88, 0.22), (0.65, 0.6), (0.05, 1)], [(0.05, 1), (0.95, 0.98)]],
    3: [[(0.1, 0.12), (0.48, 0), (0.84, 0.2), (0.4, 0.47)],
        [(0.4, 0.47), (0.8, 0.55), (0.92, 0.76), (0.5, 1), (0.06, 0.88)]],
    4: [[(0.6, 0), (0.05, 0.66)], [(0.05, 0.66), (0.95, 0.66)], [(0.72, 0.32), (0.7, 1)]],
    5: [[(0.85, 0), (0.22, 0.01)], [(0.22, 0.01), (0.16, 0.45)],
        [(0.16, 0.45), (0.55, 0.36), (0.9, 0.64), (0.55, 0.99), (0.06, 0.9)]],
    6: [[(0.75, 0), (0.3, 0.25), (0.08, 0.68), (0.42, 1), (0.86, 0.78), (0.6, 0.52), (0.14, 0.7)]],
    7: [[(0.05, 0.02), (0.93, 0.02)], [(0.93, 0.02), (0.6, 0.45), (0.4, 1)]],
    8: [[(0.82, 0.14), (0.5, 0), (0.17, 0.18), (0.5, 0.48), (0.88, 0.78), (0.5, 1), (0.12, 0.78),
         (0.5, 0.48), (0.8, 0.26), (0.82, 0.14)]],
    9: [[(0.86, 0.18), (0.5, 0), (0.12, 0.27), (0.42, 0.52), (0.86, 0.2)],
        [(0.86, 0.2), (0.82, 0.6), (0.72, 1)]],
}  # fmt: skip
UNUSUAL: dict[int, Strokes] = {
    0: [[(0.6, 0.06), (0.25, 0.1), (0.1, 0.55), (0.35, 1), (0.75, 0.8), (0.88, 0.3), (0.62, 0),
         (0.3, 0.12)]],  # the end runs past the beginning
    1: [[(0.15, 0.3), (0.55, 0)], [(0.55, 0), (0.55, 1)], [(0.12, 1), (0.95, 1)]],  # with serifs
    2: [[(0.08, 0.2), (0.48, 0), (0.82, 0.22), (0.45, 0.72), (0.12, 0.98), (0.02, 0.86),
         (0.2, 0.8), (0.6, 0.96), (1, 0.9)]],  # with a loop
    3: [[(0.1, 0), (0.9, 0.02)], [(0.9, 0.02), (0.42, 0.42)],
        [(0.42, 0.42), (0.86, 0.52), (0.9, 0.82), (0.45, 1), (0.05, 0.88)]],  # with a flat top
    4: [[(0.12, 0.02), (0.08, 0.52)], [(0.08, 0.52), (0.95, 0.48)],
        [(0.8, 0.1), (0.74, 1)]],  # open
    5: [[(0.3, 0.1), (0.2, 0.48)], [(0.2, 0.48), (0.6, 0.4), (0.85, 0.68), (0.5, 1), (0.08, 0.92)],
        [(0.34, 0.02), (0.92, -0.06)]],  # the top is a stroke of its own and does not touch
    6: [[(0.5, 0), (0.16, 0.4), (0.1, 0.8), (0.45, 1), (0.8, 0.85), (0.62, 0.66), (0.3, 0.72),
         (0.2, 0.9)]],  # with a low, small loop
    7: [[(0.02, 0.1), (0.1, 0), (0.92, 0.03)], [(0.92, 0.03), (0.58, 0.5), (0.45, 1)],
        [(0.25, 0.52), (0.85, 0.48)]],  # crossed
    8: [[(0.5, 0.02), (0.22, 0.2), (0.5, 0.42), (0.76, 0.22), (0.53, 0.01)],
        [(0.5, 0.44), (0.12, 0.72), (0.5, 1), (0.88, 0.7), (0.54, 0.45)]],  # two circles
    9: [[(0.5, 0), (0.12, 0.24), (0.5, 0.5), (0.88, 0.26), (0.5, 0)],
        [(0.88, 0.26), (0.86, 0.72), (0.55, 1), (0.14, 0.9)]],  # closed, with a hook
}  # fmt: skip


class Drawing(NamedTuple):
    """How a digit is drawn.

    Attributes:
        width, height: Size of the image in pixels.
        size: Height of the digit as a fraction of that of the image.
        center: Position of its center as fractions of width and height.
        aspect: Width of the square of the strokes, as a fraction of its height.
        pen: Width of the pen as a fraction of the height of the digit.
        pressure: How much pressure changes that width, 0 to 1.
        slant: Degrees to the right.
        rotation: Degrees clockwise.
        tremor: Deviation of the strokes as a fraction of the height of the digit.
        ink: Color of the ink.
        paper: Color of the paper.
        grain: Standard deviation of the brightness of the paper, of 0 to 255.
        dry: Fraction of the ink that the grain keeps off the paper, as of chalk.
        lines: "ruled" or "squared" paper, or none.
        shadow: How much darker the paper is at its right end, 0 to 1.
    """

    width: int
    height: int
    size: float
    center: tuple[float, float] = (0.5, 0.5)
    aspect: float = 0.62
    pen: float = 0.1
    pressure: float = 0.15
    slant: float = 5
    rotation: float = 0
    tremor: float = 0.006
    ink: Color = (25, 25, 30)
    paper: Color = (250, 249, 245)
    grain: float = 2
    dry: float = 0
    lines: Literal["none", "ruled", "squared"] = "none"
    shadow: float = 0


BLUE, PENCIL, CHALK = (28, 52, 140), (85, 85, 88), (232, 232, 224)
EASY = {
    0: Drawing(120, 140, 0.65),
    1: Drawing(100, 120, 0.7, pen=0.12, ink=BLUE),
    2: Drawing(160, 160, 0.6),
    3: Drawing(90, 110, 0.7, pen=0.11, slant=0),
    4: Drawing(140, 140, 0.65, center=(0.45, 0.5), ink=BLUE),
    5: Drawing(64, 64, 0.7, pen=0.12, aspect=0.7),
    6: Drawing(200, 180, 0.6, center=(0.55, 0.48), pen=0.09),
    7: Drawing(110, 130, 0.65, slant=0, aspect=0.68),
    8: Drawing(130, 130, 0.7, pen=0.1, slant=8),
    9: Drawing(128, 150, 0.6, pen=0.12, paper=(255, 255, 255), grain=0),
}
HARD = {
    0: Drawing(150, 120, 0.7, slant=28, pen=0.035, aspect=0.55, ink=PENCIL, grain=3),
    1: Drawing(160, 200, 0.5, lines="ruled", ink=BLUE, slant=0, pen=0.07),
    2: Drawing(180, 140, 0.6, slant=18, pen=0.05, paper=(247, 226, 140), grain=4),
    3: Drawing(140, 140, 0.6, ink=CHALK, paper=(38, 70, 56), dry=0.4, grain=5, pen=0.09),
    4: Drawing(32, 26, 0.6, center=(0.35, 0.55), pen=0.11, slant=10),
    5: Drawing(150, 150, 0.55, pen=0.17, ink=(178, 34, 52), paper=(222, 232, 244), grain=3),
    6: Drawing(300, 240, 0.22, center=(0.8, 0.74), pen=0.09, rotation=-8, grain=1),
    7: Drawing(170, 170, 0.55, slant=22, pen=0.05, lines="squared", tremor=0.012),
    8: Drawing(150, 190, 0.55, ink=(250, 246, 200), paper=(70, 44, 96), pen=0.06, rotation=10),
    9: Drawing(180, 150, 0.6, rotation=12, pen=0.06, shadow=0.55, ink=PENCIL, grain=3, tremor=0.01),
}
NAMES = {
    0: "slanted", 1: "serif", 2: "loop", 3: "blackboard", 4: "open", 5: "marker", 6: "corner",
    7: "crossed", 8: "circles", 9: "shadow",
}  # fmt: skip


def main() -> None:
    """Write all images."""
    for digit, drawing in EASY.items():
        save(FOLDER / f"{digit}_easy.png", draw(SCHOOL[digit], drawing, seed=digit))
    for digit, drawing in HARD.items():
        name = f"{digit}_hard_{NAMES[digit]}.png"
        save(FOLDER / name, draw(UNUSUAL[digit], drawing, seed=10 + digit))


def draw(strokes: Strokes, drawing: Drawing, seed: int) -> np.ndarray:
    """Draw strokes on paper.

    Args:
        strokes: Points of each stroke.
        drawing: How they are drawn.
        seed: Seed of tremor, pressure and grain.

    Returns:
        Image, uint8 [height, width, 3].
    """
    random = np.random.default_rng(seed)
    shape = drawing.height, drawing.width
    paths = [place(trace(points), drawing, random) for points in strokes]
    ink = cover(paths, press(paths, drawing, random), shape)
    texture = ndimage.gaussian_filter(random.standard_normal(shape), 0.8)
    texture /= texture.std()
    ink = ink * (1 - drawing.dry * (texture > 0))
    pixels = ink[..., None] * np.array(drawing.ink)
    pixels += (1 - ink[..., None]) * draw_paper(drawing, shape)
    pixels += drawing.grain * texture[..., None]
    pixels *= np.linspace(1, 1 - drawing.shadow, drawing.width)[:, None]
    return np.clip(pixels.round(), 0, 255).astype(np.uint8)


def trace(points: Points) -> np.ndarray:
    """Return a spline through the points of a stroke: points [n, 2] at distances of STEP."""
    known = np.array(points, float)
    distance = np.sqrt(np.hypot(*np.diff(known, axis=0).T))  # centripetal: no loops at close points
    position = np.concatenate([[0], np.cumsum(distance)])
    dense = CubicSpline(position, known)(np.linspace(0, position[-1], round(10 / STEP)))
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(dense, axis=0).T))])
    even = np.linspace(0, length[-1], round(length[-1] / STEP) + 1)
    return np.stack([np.interp(even, length, axis) for axis in dense.T], axis=1)


def place(path: np.ndarray, drawing: Drawing, random: np.random.Generator) -> np.ndarray:
    """Slant, rotate, shake and move a curve in the unit square to its place in the image."""
    x, y = ((path - 0.5) * [drawing.aspect, 1]).T
    x = x - y * np.tan(np.deg2rad(drawing.slant))
    angle = np.deg2rad(drawing.rotation)
    turned = np.stack(
        [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=1
    )
    turned += drawing.tremor * wander(random, path.shape)
    center = np.array(drawing.center) * [drawing.width, drawing.height]
    placed: np.ndarray = center + drawing.size * drawing.height * turned
    return placed


def wander(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return smooth noise along axis 0, with standard deviation 1."""
    noise = ndimage.gaussian_filter1d(random.standard_normal(shape), WAVE, axis=0, mode="wrap")
    scaled: np.ndarray = noise * np.sqrt(2 * WAVE * np.sqrt(np.pi))
    return scaled


def press(
    paths: Sequence[np.ndarray], drawing: Drawing, random: np.random.Generator
) -> list[np.ndarray]:
    """Return the radius of the pen in pixels along each curve, [points] each."""
    radius = drawing.pen * drawing.size * drawing.height / 2
    waves = [np.clip(wander(random, (len(path),)), -2, 2) for path in paths]
    return [radius * (1 + drawing.pressure * wave) for wave in waves]


def cover(
    paths: Sequence[np.ndarray], radii: Sequence[np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """Return which part of each pixel a round pen inks: [height, width], 0 to 1.

    Args:
        paths: Curves in pixels, [points, 2] each.
        radii: Radius of the pen along each curve, [points] each.
        shape: Height and width of the image.
    """
    rows, columns = ((np.arange(SUPERSAMPLING * size) + 0.5) / SUPERSAMPLING for size in shape)
    inked = np.zeros((len(rows), len(columns)), bool)
    for path, radius in zip(paths, radii, strict=True):
        for (x, y), r in zip(path, radius, strict=True):
            top, bottom = np.searchsorted(rows, [y - r, y + r])
            left, right = np.searchsorted(columns, [x - r, x + r])
            squared = (rows[top:bottom, None] - y) ** 2 + (columns[left:right] - x) ** 2
            inked[top:bottom, left:right] |= squared <= r * r
    cells = inked.reshape(shape[0], SUPERSAMPLING, shape[1], SUPERSAMPLING)
    covered: np.ndarray = cells.mean(axis=(1, 3))
    return covered


def draw_paper(drawing: Drawing, shape: tuple[int, int]) -> np.ndarray:
    """Return paper with its lines but no grain, float [height, width, 3], 0 to 255."""
    paper = np.broadcast_to(np.array(drawing.paper, float), (*shape, 3)).copy()
    spacing = max(round(drawing.size * drawing.height / 4), 4)
    line = np.array([176, 200, 226])
    if drawing.lines != "none":
        paper[spacing // 2 :: spacing] = line
    if drawing.lines == "squared":
        paper[:, spacing // 2 :: spacing] = line
    return paper


def save(path: Path, pixels: np.ndarray) -> None:
    """Write an image as PNG with a small palette, which keeps the grain and a few kilobytes."""
    image = Image.fromarray(pixels).quantize(COLORS, dither=Image.Dither.NONE)
    with atomic_output(path) as partial:
        image.save(partial, format="PNG", optimize=True)


if __name__ == "__main__":
    exit_on_error(main)
