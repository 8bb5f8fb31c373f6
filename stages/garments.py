"""Make data/raw/garments/: colour pictures of Fashion-MNIST's garments on soft backgrounds.

They stand for a folder of your own pictures, and show what a GAN makes of one.
"""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image

from stages import cli, params
from stages.data import load_part
from stages.files import replacing

FOLDER = Path("data/raw/garments")
SOURCE = "fashion_mnist"
OPAQUE = 48  # brightness from which a pixel of a garment hides the background


def main() -> None:
    """Write all pictures, or none."""
    block = params.load().garments
    write(load_part(SOURCE, "train").x, block, FOLDER)


def write(garments: np.ndarray, block: params.Garments, target: Path) -> None:
    """Write `block.pictures` JPEG files to the folder `target`; garments: uint8 [n, 28, 28]."""
    random = np.random.default_rng(block.seed)
    with replacing(target) as folder:
        folder.mkdir(parents=True)
        for number in range(block.pictures):
            garment = garments[random.integers(len(garments))]
            picture = Image.fromarray(paint(garment, block.side, random))
            picture.save(folder / f"garment_{number:06}.jpg", quality=block.quality)
    print(f"{target}: {block.pictures} pictures of {block.side}x{block.side} pixels")


def paint(garment: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A garment, uint8 [28, 28], in a random colour on a pale background: uint8 [side, side, 3].

    It fills four fifths of the picture, a little off the middle. Where it is dark it is opaque
    too: only the outermost grey of Fashion-MNIST's edges lets the background through.
    """
    size = round(0.8 * side)
    spare = (side - size) // 2
    top, left = spare + random.integers(-spare // 2, spare // 2 + 1, 2)
    resized = Image.fromarray(garment).resize((size, size), Image.Resampling.BICUBIC)
    light = np.zeros((side, side, 1))
    light[top : top + size, left : left + size, 0] = np.asarray(resized)
    cover = np.clip(light / OPAQUE, 0, 1)
    cloth = (0.3 + 0.7 * light / 255) * colour(random, (0.45, 0.95), (0.6, 1.0))
    mixed = cover * cloth + (1 - cover) * background(side, random)
    pixels: np.ndarray = (255 * mixed).round().astype(np.uint8)
    return pixels


def background(side: int, random: np.random.Generator) -> np.ndarray:
    """One pale colour that fades into another in a random direction: [side, side, 3], 0 to 1."""
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, side)
    place = 0.5 + (np.cos(angle) * across[:, None] + np.sin(angle) * across) / np.sqrt(2)
    first, second = (colour(random, (0.05, 0.3), (0.8, 1.0)) for _ in range(2))
    mixed: np.ndarray = first + (second - first) * place[..., None]
    return mixed


def colour(
    random: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> np.ndarray:
    """A colour of any hue, its saturation and value in the ranges given: RGB [3], 0 to 1."""
    hue = random.uniform()
    return np.array(colorsys.hsv_to_rgb(hue, random.uniform(*saturation), random.uniform(*value)))


if __name__ == "__main__":
    cli.run_guarded(main)
