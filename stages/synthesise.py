"""Make a synthetic dataset of points in the plane: data/processed/<dataset>/."""

import numpy as np

from stages import cli, params
from stages.data import PARTS, ROOT, Part, describe_parts, save_part
from stages.files import replacing, write_json
from stages.params import Synthetic

SHARES = (0.7, 0.8)  # where the shuffled points are cut into train, validation and test
TURNS = 1.5  # of each arm of the spiral


def main(dataset: str) -> None:
    """Draw the points of `dataset` and write them as `preprocess` does."""
    block = params.get(params.load().synthetic, dataset, "synthetic dataset")
    points = synthesise(block)
    classes = ["0", "1"] if points.y.any() else ["point"]
    parts = split(points)
    with replacing(ROOT / dataset) as folder:
        folder.mkdir(parents=True)
        for name, part in parts.items():
            save_part(folder, name, part)
        description = {"kind": "points", "shape": block.shape, "classes": classes}
        write_json(
            folder / "description.json", description | {"parts": describe_parts(parts, classes)}
        )


def synthesise(block: Synthetic) -> Part:
    """Points x [n, 2] float32 about [-1, 1] in random order, and their class y [n] uint8.

    Normal noise of standard deviation `noise` moves each point after its class is known, so that
    with much noise the classes overlap.
    """
    random = np.random.default_rng(block.seed)
    x, y = SHAPES[block.shape](block.points, random)
    x += random.normal(0, block.noise, x.shape)
    return Part(x.astype(np.float32), y.astype(np.uint8))


def circle(points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class 1 in a disc, class 0 in a ring around it."""
    y = random.permutation(points) % 2
    radius = np.where(y == 1, random.uniform(0, 0.5, points), random.uniform(0.7, 1, points))
    return polar(radius, random.uniform(0, 2 * np.pi, points)), y


def xor(points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Class 1 where both coordinates have the same sign, with a gap along the axes."""
    signs = random.choice([-1.0, 1.0], (points, 2))
    return signs * random.uniform(0.08, 1, (points, 2)), signs.prod(axis=1) > 0


def spiral(points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An arm of a spiral a class, after Lang, Witbrock: Learning to tell two spirals apart (1988).

    Points are as dense at the end of an arm as at its beginning.
    """
    y = random.permutation(points) % 2
    radius = np.sqrt(random.uniform(0.01, 1, points))
    return polar(radius, 2 * np.pi * TURNS * radius + np.pi * y), y


def ring(points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on a circle."""
    angle = random.uniform(0, 2 * np.pi, points)
    return polar(np.full(points, 0.8), angle), np.zeros(points)


def line(points: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on a segment that rises from left to right."""
    along = random.uniform(-1, 1, points)
    return np.stack([0.8 * along, 0.5 * along], axis=1), np.zeros(points)


SHAPES = {"circle": circle, "xor": xor, "spiral": spiral, "ring": ring, "line": line}


def polar(radius: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Coordinates [n, 2] of points at a distance [n] and an angle [n] in radians."""
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def split(points: Part) -> dict[str, Part]:
    """Cut the points, whose order is random, into 70 % train, 10 % validation and 20 % test."""
    cuts = [round(share * len(points.x)) for share in SHARES]
    pieces = zip(np.split(points.x, cuts), np.split(points.y, cuts), strict=True)
    return {name: Part(*piece) for name, piece in zip(PARTS, pieces, strict=True)}


if __name__ == "__main__":
    cli.run(main, "dataset")
