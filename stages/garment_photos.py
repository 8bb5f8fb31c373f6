"""Create data/raw/garments/: color images of Fashion-MNIST garments on pale backgrounds.

They stand in for a folder of your own images.
"""

import colorsys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import trange

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output
from stages.core.paths import RAW
from stages.core.splits import load_split

if TYPE_CHECKING:
    from stages.config.schema import GarmentPhotos

FOLDER = RAW / "garments"
SOURCE = "fashion_mnist"
OPAQUE = 48  # brightness from which a garment pixel hides the background


def main() -> None:
    """Write all images, or none."""
    config = load_params().garment_photos
    write_photos(load_split(SOURCE, "train").x, config, FOLDER)


def write_photos(garments: np.ndarray, config: "GarmentPhotos", target: Path) -> None:
    """Write `num_images` JPEG files to a folder.

    Args:
        garments: Images, uint8 [n, 28, 28]; each photo shows a random one.
        config: Number, side, JPEG quality and seed.
        target: Folder of the photos, which is replaced.
    """
    random = np.random.default_rng(config.seed)
    with atomic_output(target) as folder:
        folder.mkdir()
        for number in trange(config.num_images, desc=str(target), unit=" images", mininterval=1):
            garment = garments[random.integers(len(garments))]
            image = Image.fromarray(draw_photo(garment, config.side, random))
            image.save(folder / f"garment_{number:06}.jpg", quality=config.quality)


def draw_photo(garment: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """Draw a garment in a random color on a pale background.

    The garment fills four fifths of the image, a little off center. Its dark parts are opaque too:
    the background shows only through the darkest pixels, at the edges of Fashion-MNIST's garments.

    Args:
        garment: Image, uint8 [28, 28].
        side: Side of the photo in pixels.
        random: Random number generator for position and colors.

    Returns:
        Photo, uint8 [side, side, 3].
    """
    size = round(0.8 * side)
    margin = (side - size) // 2
    top, left = margin + random.integers(-margin // 2, margin // 2 + 1, 2)
    resized = Image.fromarray(garment).resize((size, size), Image.Resampling.BICUBIC)
    brightness = np.zeros((side, side, 1))
    brightness[top : top + size, left : left + size, 0] = np.asarray(resized)
    alpha = np.clip(brightness / OPAQUE, 0, 1)
    cloth = (0.3 + 0.7 * brightness / 255) * random_color(random, (0.45, 0.95), (0.6, 1.0))
    blended = alpha * cloth + (1 - alpha) * draw_background(side, random)
    pixels: np.ndarray = (255 * blended).round().astype(np.uint8)
    return pixels


def draw_background(side: int, random: np.random.Generator) -> np.ndarray:
    """Return a gradient of two pale colors in a random direction: [side, side, 3], 0 to 1."""
    angle = random.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, side)
    position = 0.5 + (np.cos(angle) * across[:, None] + np.sin(angle) * across) / np.sqrt(2)
    first, second = (random_color(random, (0.05, 0.3), (0.8, 1.0)) for _ in range(2))
    gradient: np.ndarray = first + (second - first) * position[..., None]
    return gradient


def random_color(
    random: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> np.ndarray:
    """Draw a color of any hue, with saturation and value in the given ranges: RGB [3], 0 to 1."""
    hue = random.uniform()
    return np.array(colorsys.hsv_to_rgb(hue, random.uniform(*saturation), random.uniform(*value)))


if __name__ == "__main__":
    exit_on_error(main)
