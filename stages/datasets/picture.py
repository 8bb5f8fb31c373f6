"""A picture of your own as a dataset: places and their colours."""

from pathlib import Path

import numpy as np
from PIL import Image

from stages.data import Part, Prepared
from stages.datasets.common import check_facts
from stages.errors import UserError
from stages.params import Picture, PicturePreprocess
from stages.pictures import UnusableError, convert, load
from stages.plots import data as plots

SMALLEST = 8  # pixels of the shorter side


def prepare(raw: Path, block: Picture) -> Prepared:
    """Read the picture in the file `raw`, shrink it and hold pixels out at random.

    x: uint16 [n, 2], row and column; y: uint8 [n, 3], red, green and blue.

    Raises:
        UserError: when the file is no picture, is cut off, or too small.
    """
    picture = read(raw)
    shrunk = picture.copy()
    shrunk.thumbnail((block.preprocess.largest_side,) * 2, Image.Resampling.LANCZOS)
    if min(shrunk.size) < SMALLEST:
        raise UserError(
            f"{raw}: expected at least {SMALLEST} pixels each way, found "
            f"{picture.width}x{picture.height}, shrunk to {shrunk.width}x{shrunk.height}"
        )
    colours = np.asarray(shrunk)
    facts = {"width": shrunk.width, "height": shrunk.height, "source_width": picture.width}
    return Prepared(
        parts=split(colours, block.preprocess),
        description={
            "kind": "picture",
            "classes": [],
            "height": shrunk.height,
            "width": shrunk.width,
        },
        report={"facts": check_facts(facts, block.facts)},
        figures={"picture": plots.picture(colours)},
    )


def read(path: Path) -> Image.Image:
    """A picture file in RGB, the way up that its camera says, transparent parts on white.

    Raises:
        UserError: naming the file and what is wrong with it.
    """
    try:
        return convert(load(path.read_bytes()), channels=3)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; put the picture there or change `source`") from None
    except UnusableError as error:
        raise UserError(f"{path}: {error}") from None


def split(colours: np.ndarray, choice: PicturePreprocess) -> dict[str, Part]:
    """Pixels of [height, width, 3] at random into validation, test and the rest, for training."""
    height, width, _ = colours.shape
    places = np.indices((height, width), np.uint16).reshape(2, -1).T
    order = np.random.default_rng(choice.seed).permutation(height * width)
    shares = np.cumsum([choice.validation_share, choice.test_share]) * height * width
    held_out = np.split(order, np.maximum(shares.round().astype(int), [1, 2]))
    rows = dict(zip(("validation", "test", "train"), held_out, strict=True))
    pixels = colours.reshape(-1, 3)
    return {name: Part(places[rows[name]], pixels[rows[name]]) for name in sorted(rows)}
