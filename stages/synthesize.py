"""Generate and split a synthetic dataset of points in the plane: data/processed/<dataset>/."""

from typing import TYPE_CHECKING

import numpy as np

from stages.config.load import get_section, load_params
from stages.core.cli import run
from stages.core.files import atomic_output, write_json
from stages.core.paths import PROCESSED
from stages.core.splits import INFO, SPLITS, Split, describe_splits, save_split

if TYPE_CHECKING:
    from stages.config.schema import Synthetic

ENDS = (0.7, 0.8)  # of the training and validation points, as fractions of all points
TURNS = 1.5  # turns of each spiral arm


def main(dataset: str) -> None:
    """Generate the points of `dataset` and write them as `preprocess` does."""
    config = get_section(load_params().synthetic, dataset, "synthetic dataset")
    splits = split_points(generate(config))
    classes = ["0", "1"] if config.shape in LABELED_SHAPES else ["point"]
    info = {
        "classes": classes,
        "positive_class": classes[1] if len(classes) == 2 else None,
        "input": {"type": "points"},
        "splits": describe_splits(splits, classes),
    }
    for name, split in splits.items():
        with atomic_output(PROCESSED / dataset / name) as partial:
            save_split(partial, split)
    write_json(PROCESSED / dataset / INFO, info)


def generate(config: "Synthetic") -> Split:
    """Draw points and their classes, in random order.

    Gaussian noise of standard deviation `noise` is added after the class of a point is set, so that
    with much noise the classes overlap.

    Returns:
        x, float32 [num_points, 2], about -1 to 1; y, uint8 [num_points].
    """
    random = np.random.default_rng(config.seed)
    x, y = (LABELED_SHAPES | UNLABELED_SHAPES)[config.shape](config.num_points, random)
    x += random.normal(0, config.noise, x.shape)
    return Split(x.astype(np.float32), y.astype(np.uint8))


def circle(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class 1 in a disc, class 0 in a ring around it: x [n, 2], y [n]."""
    y = random.permutation(num_points) % 2
    inner, outer = random.uniform(0, 0.5, num_points), random.uniform(0.7, 1, num_points)
    radius = np.where(y == 1, inner, outer)
    return from_polar(radius, random.uniform(0, 2 * np.pi, num_points)), y


def xor(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class 1 where both coordinates have the same sign, with a gap along the axes."""
    signs = random.choice([-1.0, 1.0], (num_points, 2))
    return signs * random.uniform(0.08, 1, (num_points, 2)), signs.prod(axis=1) > 0


def spiral(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One spiral arm per class, with the same density of points along the arm.

    Reference:
        Lang, Witbrock: Learning to tell two spirals apart, 1988.
    """
    y = random.permutation(num_points) % 2
    radius = np.sqrt(random.uniform(0.01, 1, num_points))
    return from_polar(radius, 2 * np.pi * TURNS * radius + np.pi * y), y


def ring(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on a circle, all of class 0."""
    angle = random.uniform(0, 2 * np.pi, num_points)
    return from_polar(np.full(num_points, 0.8), angle), np.zeros(num_points)


def line(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on a segment that rises from left to right, all of class 0."""
    along = random.uniform(-1, 1, num_points)
    return np.stack([0.8 * along, 0.5 * along], axis=1), np.zeros(num_points)


def clusters(num_points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points around eight centers on a circle, all of class 0."""
    center = random.integers(8, size=num_points)
    angle = 2 * np.pi * center / 8
    return from_polar(np.full(num_points, 0.8), angle), np.zeros(num_points)


LABELED_SHAPES = {"circle": circle, "xor": xor, "spiral": spiral}
UNLABELED_SHAPES = {"ring": ring, "line": line, "clusters": clusters}


def from_polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Convert polar coordinates, radius [n] and angle [n] in radians, to Cartesian ones [n, 2]."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def split_points(points: Split) -> dict[str, Split]:
    """Split points in random order into 70 % training, 10 % validation and 20 % test."""
    ends = [round(end * len(points.x)) for end in ENDS]
    pieces = zip(np.split(points.x, ends), np.split(points.y, ends), strict=True)
    return {name: Split(*piece) for name, piece in zip(SPLITS, pieces, strict=True)}


if __name__ == "__main__":
    run(main, "dataset")
