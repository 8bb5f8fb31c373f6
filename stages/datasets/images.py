"""MNIST and Fashion-MNIST: pictures of 28 x 28 grey pixels in IDX files.

LeCun, Cortes, Burges: The MNIST database of handwritten digits, which specifies IDX;
Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv 1708.07747.
"""

import struct
from pathlib import Path

import numpy as np

from stages.data import Part, Prepared
from stages.datasets.common import check_facts, split
from stages.errors import UserError
from stages.params import Images
from stages.plots import data as plots

SIDE = 28
MAGIC = {1: 0x801, 3: 0x803}  # unsigned bytes, in one or three dimensions


def prepare(raw: Path, block: Images) -> Prepared:
    """Read the four IDX files in `raw`, hold the validation pictures out."""
    choice = block.preprocess
    full = read_part(raw, "train", choice.classes)
    test = read_part(raw, "t10k", choice.classes)
    facts = {
        "train_images": len(full.y),
        "test_images": len(test.y),
        "classes": len(np.union1d(full.y, test.y)),
    }
    checked = check_facts(facts, block.facts)
    limited = Part(full.x[: choice.limit], full.y[: choice.limit])
    train, validation = split(limited, choice.validation_share, choice.seed)
    parts = {
        "train": train,
        "validation": validation,
        "test": Part(test.x[: choice.limit], test.y[: choice.limit]),
    }
    return Prepared(
        parts=parts,
        description={"kind": "image", "classes": choice.classes},
        report={"facts": checked},
        figures={
            "samples": plots.samples(train.x, train.y, choice.classes),
            "matrix": plots.matrix(train.x[:500].reshape(-1, SIDE * SIDE)),
            "classes": plots.class_balance(parts, choice.classes),
        },
    )


def read_part(raw: Path, name: str, classes: list[str]) -> Part:
    """Read pictures [n, 28, 28] and labels [n] whose files begin with `name`.

    Raises:
        UserError: when counts differ, a picture has another size or a label is out of range.
    """
    images_path = raw / f"{name}-images-idx3-ubyte"
    labels_path = raw / f"{name}-labels-idx1-ubyte"
    x, y = read_idx(images_path, 3), read_idx(labels_path, 1)
    if x.shape[1:] != (SIDE, SIDE):
        raise UserError(f"{images_path}: expected pictures of 28x28, found {x.shape[1:]}")
    if len(x) != len(y):
        raise UserError(f"{labels_path}: expected {len(x)} labels, one a picture, found {len(y)}")
    if len(y) and y.max() >= len(classes):
        raise UserError(f"{labels_path}: expected labels below {len(classes)}, found {y.max()}")
    return Part(x, y)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes: magic number, sizes (big-endian int32), values.

    Raises:
        UserError: when the magic number is another or the values are not as many as announced.
    """
    content = path.read_bytes()
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UserError(f"{path}: expected at least {header} bytes, found {len(content)}")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", content[:header])
    if magic != MAGIC[dimensions]:
        raise UserError(f"{path}: expected magic number {MAGIC[dimensions]:#x}, found {magic:#x}")
    expected, found = int(np.prod(shape, dtype=object)), len(content) - header
    if expected != found:
        raise UserError(f"{path}: expected {expected} values for shape {shape}, found {found}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
