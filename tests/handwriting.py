"""Draw digits by program: strokes of a pen on paper, photographed under difficult conditions.

`python -m tests.handwriting MODEL...` prints the accuracy of models on generated photographs, by
difficulty.
"""

import io
import itertools
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

# Strokes of each digit in a box of width 0.6 and height 1, y downward: points through which a pen
# passes smoothly; those of a stroke that starts with None are joined by straight lines.
Stroke = Sequence[tuple[float, float] | None]
SHAPES: dict[int, list[list[Stroke]]] = {
    0: [
        [[(0.32, 0.02), (0.08, 0.22), (0.03, 0.55), (0.14, 0.9), (0.32, 0.99), (0.52, 0.85),
          (0.58, 0.5), (0.5, 0.15), (0.3, 0.02)]],
        [[(0.4, 0.05), (0.15, 0.1), (0.0, 0.45), (0.1, 0.9), (0.35, 0.97), (0.55, 0.7),
          (0.55, 0.25), (0.38, 0.03), (0.25, 0.07)]],
    ],
    1: [
        [[None, (0.3, 0.0), (0.3, 1.0)]],
        [[None, (0.12, 0.22), (0.34, 0.0), (0.33, 1.0)]],
        [[None, (0.1, 0.25), (0.32, 0.0), (0.32, 1.0)], [None, (0.1, 1.0), (0.55, 1.0)]],
    ],
    2: [
        [[(0.05, 0.25), (0.15, 0.05), (0.38, 0.01), (0.54, 0.2), (0.45, 0.5), (0.22, 0.8),
          (0.02, 0.98)], [None, (0.02, 0.98), (0.6, 0.97)]],
        [[(0.04, 0.22), (0.2, 0.02), (0.48, 0.1), (0.5, 0.38), (0.3, 0.7), (0.1, 0.92),
          (0.05, 0.85), (0.18, 0.8), (0.38, 0.95), (0.6, 0.93)]],
    ],
    3: [
        [[(0.06, 0.12), (0.28, 0.0), (0.5, 0.12), (0.46, 0.35), (0.24, 0.46)],
         [(0.24, 0.46), (0.5, 0.56), (0.56, 0.78), (0.34, 0.99), (0.04, 0.9)]],
        [[None, (0.05, 0.03), (0.52, 0.03), (0.24, 0.4)],
         [(0.24, 0.4), (0.5, 0.5), (0.56, 0.75), (0.32, 0.99), (0.03, 0.88)]],
    ],
    4: [
        [[None, (0.42, 0.0), (0.02, 0.66), (0.6, 0.66)], [None, (0.45, 0.35), (0.43, 1.0)]],
        [[None, (0.08, 0.02), (0.05, 0.5), (0.56, 0.5)], [None, (0.5, 0.02), (0.47, 1.0)]],
        [[None, (0.44, 0.0), (0.03, 0.62), (0.58, 0.62)], [None, (0.44, 0.0), (0.43, 1.0)]],
    ],
    5: [
        [[None, (0.54, 0.02), (0.13, 0.02), (0.09, 0.42)],
         [(0.09, 0.42), (0.32, 0.36), (0.56, 0.54), (0.52, 0.84), (0.28, 0.99), (0.02, 0.9)]],
        [[None, (0.14, 0.04), (0.1, 0.44)],
         [(0.1, 0.44), (0.34, 0.38), (0.55, 0.56), (0.5, 0.86), (0.26, 0.99), (0.04, 0.9)],
         [None, (0.14, 0.04), (0.58, 0.0)]],
    ],
    6: [
        [[(0.46, 0.0), (0.2, 0.2), (0.05, 0.56), (0.1, 0.88), (0.32, 0.99), (0.54, 0.84),
          (0.5, 0.6), (0.3, 0.52), (0.08, 0.7)]],
        [[(0.34, 0.0), (0.12, 0.3), (0.04, 0.7), (0.2, 0.98), (0.48, 0.92), (0.54, 0.7),
          (0.36, 0.54), (0.12, 0.64), (0.06, 0.76)]],
    ],
    7: [
        [[None, (0.03, 0.03), (0.58, 0.03), (0.22, 1.0)]],
        [[None, (0.03, 0.06), (0.57, 0.02), (0.24, 1.0)], [None, (0.16, 0.5), (0.54, 0.47)]],
        [[(0.03, 0.08), (0.2, 0.04), (0.56, 0.03)], [(0.56, 0.03), (0.38, 0.4), (0.26, 1.0)]],
    ],
    8: [
        [[(0.5, 0.12), (0.28, 0.01), (0.08, 0.16), (0.2, 0.4), (0.46, 0.58), (0.54, 0.82),
          (0.3, 0.99), (0.06, 0.84), (0.14, 0.6), (0.42, 0.38), (0.52, 0.16), (0.44, 0.06)]],
        [[(0.3, 0.0), (0.1, 0.12), (0.14, 0.36), (0.3, 0.45), (0.48, 0.33), (0.5, 0.1),
          (0.3, 0.0)], [(0.3, 0.45), (0.05, 0.62), (0.08, 0.9), (0.32, 1.0), (0.54, 0.88),
          (0.54, 0.6), (0.3, 0.45)]],
    ],
    9: [
        [[(0.52, 0.18), (0.34, 0.01), (0.1, 0.1), (0.06, 0.36), (0.26, 0.5), (0.48, 0.36),
          (0.53, 0.12)], [(0.53, 0.12), (0.52, 0.5), (0.46, 1.0)]],
        [[(0.52, 0.22), (0.32, 0.0), (0.08, 0.16), (0.12, 0.44), (0.36, 0.46), (0.52, 0.22)],
         [(0.52, 0.2), (0.53, 0.6), (0.4, 0.95), (0.12, 0.96)]],
    ],
}  # fmt: skip


class Style(NamedTuple):
    """How digits are written and photographed.

    Attributes:
        side: Longest side of the photograph in pixels.
        pen: Width of the pen, in heights of a digit.
        rotation: Largest rotation in degrees.
        paper, ink: RGB; None for a random one.
        shadow: Darkest light, as a fraction of the brightest; 1 for even light.
        hard_shadow: Whether the shadow has an edge.
        lines: "", "ruled" or "squared".
        line_strength: How dark these are; 1 is a dark blue.
        noise: Standard deviation of the camera's noise, of 255.
        quality: JPEG quality; 0 for PNG.
        fill: Height of a digit in heights of the photograph.
    """

    side: int = 200
    pen: float = 0.09
    rotation: float = 0.0
    paper: tuple[int, int, int] | None = (255, 255, 255)
    ink: tuple[int, int, int] | None = (0, 0, 0)
    shadow: float = 1.0
    hard_shadow: bool = False
    lines: str = ""
    line_strength: float = 0.45
    noise: float = 0.0
    quality: int = 0
    fill: float = 0.6


WHITE, GRAY = (250, 250, 245), (225, 222, 212)
DIFFICULTIES: dict[str, Style] = {
    "clean": Style(),
    "light on dark": Style(paper=(0, 0, 0), ink=(255, 255, 255)),
    "rotated 15": Style(rotation=15),
    "12 pixels": Style(side=12, fill=0.8, pen=0.12),
    "16 pixels": Style(side=16, fill=0.75, pen=0.12),
    "40 pixels": Style(side=40, noise=6, quality=70),
    "2000 pixels": Style(side=2000, noise=4, quality=90, paper=WHITE, ink=(30, 30, 60)),
    "thin pen": Style(side=400, pen=0.015, paper=WHITE, ink=(40, 40, 60), noise=4),
    "thick pen": Style(pen=0.19),
    "small in a photo": Style(side=800, fill=0.15, paper=GRAY, ink=(40, 40, 80), noise=6,
                              quality=80),
    "fills the photo": Style(side=150, fill=0.97),
    "shadow": Style(side=500, shadow=0.35, paper=GRAY, ink=(40, 40, 70), noise=5, quality=80),
    "hard shadow": Style(side=500, shadow=0.5, hard_shadow=True, paper=GRAY, ink=(40, 40, 70),
                         noise=5, quality=80),
    "ruled": Style(side=500, lines="ruled", paper=WHITE, ink=(30, 30, 60), noise=4, quality=80),
    "squared": Style(side=500, lines="squared", paper=WHITE, ink=(30, 30, 60), noise=4, quality=80),
    "squared, rotated": Style(side=500, lines="squared", paper=WHITE, ink=(30, 30, 60), noise=4,
                              quality=80, rotation=12),
    "dark lines": Style(side=500, lines="ruled", line_strength=1, paper=WHITE, ink=(30, 30, 60),
                        noise=4, quality=80, rotation=5),
    "colors": Style(side=300, paper=None, ink=None, noise=5, quality=80),
    "jpeg": Style(side=100, noise=12, quality=20),
    "pencil": Style(side=400, paper=WHITE, ink=(160, 160, 165), noise=5, pen=0.04, quality=85),
    "everything": Style(side=600, shadow=0.5, lines="ruled", paper=None, ink=None, noise=6,
                        quality=70, rotation=10, pen=0.05, fill=0.35),
}  # fmt: skip


def draw_digit(digit: int, height: int, pen: float, random: np.random.Generator) -> np.ndarray:
    """Draw a digit as a person might: a shape, distorted, with a pen of varying pressure.

    Args:
        digit: 0 to 9.
        height: Height in pixels, about.
        pen: Width of the pen, in heights of the digit.
        random: Generator of the variation.

    Returns:
        Ink from 0 to 1, float32 [rows, columns].
    """
    scale = 4 if height < 400 else 1  # supersampling
    slant, stretch = random.normal(0, 0.12), random.uniform(0.8, 1.2)
    margin = 0.15 + pen
    size = np.array([1.1 + 2 * margin, 1.0 + 2 * margin]) * height * scale
    canvas = Image.new("L", (int(size[0]), int(size[1])))
    pencil = ImageDraw.Draw(canvas)
    shape = SHAPES[digit][random.integers(len(SHAPES[digit]))]
    wobble = {point: random.normal(0, 0.018, 2) for stroke in shape for point in stroke if point}
    for stroke in shape:
        points = np.array([np.add(point, wobble[point]) for point in stroke if point])
        path = straight(points) if stroke[0] is None else smooth(points)
        x = (path[:, 0] - 0.3) * stretch - slant * (path[:, 1] - 0.5) + 0.55 + margin
        pressure = 1 + 0.15 * np.sin(
            np.linspace(random.uniform(0, 6), random.uniform(0, 6), len(path))
        )
        radii = np.maximum(pen * height * scale / 2 * pressure, 0.5)
        for column, row, radius in zip(
            x * height * scale, (path[:, 1] + margin) * height * scale, radii, strict=True
        ):
            pencil.ellipse((column - radius, row - radius, column + radius, row + radius), 255)
    drawn = canvas.resize((canvas.width // scale, canvas.height // scale), Image.Resampling.BOX)
    ink = np.asarray(drawn, np.float32) / 255
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def smooth(points: np.ndarray) -> np.ndarray:
    """Return many points of a smooth curve through points [n, 2]."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    curve: np.ndarray = CubicSpline(length, points)(np.linspace(0, length[-1], 1500))
    return curve


def straight(points: np.ndarray) -> np.ndarray:
    """Return many points of the straight lines between points [n, 2]."""
    steps = np.linspace(0, 1, 800)[:, None]
    return np.concatenate([a + (b - a) * steps for a, b in itertools.pairwise(points)])


def photograph(digits: Sequence[int], style: Style, random: np.random.Generator) -> Image.Image:
    """Write digits in a row and photograph them.

    Args:
        digits: Digits, left to right.
        style: How.
        random: Generator of the variation.
    """
    height = style.side
    drawn = [
        draw_digit(digit, max(4, round(style.fill * height)), style.pen, random) for digit in digits
    ]
    return photograph_ink(drawn, style, random)


def photograph_ink(
    drawn: Sequence[np.ndarray], style: Style, random: np.random.Generator
) -> Image.Image:
    """Photograph ink [rows, columns] of digits in a row; see `photograph`."""
    height = style.side
    gap = round(0.25 * style.fill * height)
    length = sum(ink.shape[1] for ink in drawn) + gap * (len(drawn) - 1)
    width = max(height, length + 2 * gap) if len(drawn) > 1 else height
    ink = np.zeros((height, width), np.float32)
    slack = width - length
    left = round(slack * random.uniform(0.4, 0.6)) if style.fill > 0.5 else round(
        slack * random.uniform(0.15, 0.85))  # fmt: skip
    for part in drawn:
        part = part[:height, : width - left]  # noqa: PLW2901
        top = round((height - part.shape[0]) * random.uniform(0.35, 0.65))
        region = ink[top : top + part.shape[0], left : left + part.shape[1]]
        np.maximum(region, part, out=region)
        left += part.shape[1] + gap
    angle = random.uniform(-style.rotation, style.rotation)
    lines = draw_lines(style.lines, ink.shape, random)
    if style.rotation:
        ink = rotate(ink, angle, 0.0)
        lines = rotate(lines, angle, 0.0)
    paper, color = choose_colors(style, random)
    page = paper * (1 - style.line_strength * lines[..., None] * (1 - np.array([0.4, 0.65, 1.0])))
    image = page * (1 - ink[..., None]) + color * ink[..., None]
    image = image * light(style, ink.shape, random)[..., None]
    image = image + random.normal(0, style.noise, image.shape) if style.noise else image
    result = Image.fromarray(np.rint(image.clip(0, 255)).astype(np.uint8))
    if style.quality:
        file = io.BytesIO()
        result.save(file, "JPEG", quality=style.quality)
        result = Image.open(file)
    return result


def rotate(x: np.ndarray, angle: float, outside: float) -> np.ndarray:
    """Rotate an image [height, width]; lines continue beyond its rim."""
    mode = "reflect" if outside is None else "constant"
    rotated: np.ndarray = ndimage.rotate(x, angle, reshape=False, order=1, mode=mode)
    return rotated


def draw_lines(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return printed lines of paper, float32 of `shape`: 1 on lines."""
    lines = np.zeros(shape, np.float32)
    if not kind:
        return lines
    spacing = max(6, round(shape[0] * random.uniform(0.1, 0.22)))
    width = max(1, round(shape[0] / 250))
    for start in range(int(random.integers(spacing)), shape[0], spacing):
        lines[start : start + width] = 1
    if kind == "squared":
        for start in range(int(random.integers(spacing)), shape[1], spacing):
            lines[:, start : start + width] = 1
    return lines


def choose_colors(style: Style, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return paper and ink, RGB; random ones differ in brightness by 90 of 255 or more."""
    weights = np.array([0.3, 0.59, 0.11])
    while True:
        paper = np.array(style.paper or random.integers(0, 256, 3), np.float64)
        ink = np.array(style.ink or random.integers(0, 256, 3), np.float64)
        if abs((paper - ink) @ weights) >= (90 if style.ink is None else 0):
            return paper, ink


def light(style: Style, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return the light on the paper, of `shape`, 1 where it is brightest."""
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    angle = random.uniform(0, 2 * np.pi)
    across = rows * np.sin(angle) + columns * np.cos(angle) + random.uniform(-0.3, 0.3)
    steepness = 40.0 if style.hard_shadow else 2.0
    lit: np.ndarray = style.shadow + (1 - style.shadow) / (1 + np.exp(-steepness * across))
    return lit


def generate(style: Style, count: int, seed: int = 0) -> tuple[list[Image.Image], np.ndarray]:
    """Generate photographs of one digit each, and their digits [count]."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    return [photograph([int(label)], style, random) for label in labels], labels


def main() -> None:
    """Print the accuracy by difficulty of the models on the command line."""
    from pathlib import Path

    from stages.inference.bundle import load_bundle
    from stages.inference.digits import find_digits
    from stages.inference.outputs import probabilities

    models = {name: load_bundle(Path("models") / name).model for name in sys.argv[1:]}
    print(f"{'':20}", *(f"{name:>14}" for name in models), f"{'one found':>12}")
    totals = []
    for name, style in DIFFICULTIES.items():
        photographs, labels = generate(style, 100)
        found = [find_digits(each.convert("RGB")) for each in photographs]
        usable = np.array([len(each) == 1 for each in found])
        images = np.stack(
            [each[0].image if each else np.zeros((28, 28), np.uint8) for each in found]
        )
        right = [
            ((probabilities(model, images, "image").argmax(1) == labels) & usable).mean()
            for model in models.values()
        ]
        totals.append(right)
        print(
            f"{name:20}", *(f"{each:14.0%}" for each in right), f"{usable.mean():12.0%}", flush=True
        )
    print(f"{'mean':20}", *(f"{each:14.1%}" for each in np.mean(totals, axis=0)))


if __name__ == "__main__":
    main()
