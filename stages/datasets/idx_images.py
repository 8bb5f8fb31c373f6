"""MNIST and Fashion-MNIST: grayscale images of 28 x 28 pixels in IDX files.

Reference: LeCun, Cortes, Burges: The MNIST database of handwritten digits (which specifies IDX);
Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv 1708.07747.
"""

import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.datasets.common import Prepared, check_classes, check_counts, split_indices
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import IdxImages

SIDE = 28
MAGIC_NUMBERS = {1: 0x801, 3: 0x803}  # unsigned bytes, in one or three dimensions
MAX_BYTES = 1 << 30
NUM_FLATTENED = 500  # images in a figure


def prepare(source: Path, config: "IdxImages") -> Prepared:
    """Read the four IDX files in the folder `source`; validation images are from the training file.

    Raises:
        DataError: If a file is damaged, or counts are not the expected ones.
    """
    options = config.preprocess
    training = read_split(source, "train", options.classes)
    test = read_split(source, "t10k", options.classes)
    counts = {
        "train_images": len(training.y),
        "test_images": len(test.y),
        "classes": len(np.union1d(training.y, test.y)),
    }
    checked = check_counts(counts, config.expected)
    training, test = (
        Split(split.x[: options.max_examples], split.y[: options.max_examples])
        for split in (training, test)
    )
    indices = split_indices(training.y, options.validation_fraction, 0, options.seed)
    splits = {name: training.take(selected) for name, selected in indices.items()} | {"test": test}
    train = splits["train"]
    return Prepared(
        splits=splits,
        info={
            "classes": options.classes,
            "positive_class": None,
            "input": {"type": "image", "shape": [SIDE, SIDE]},
        },
        report={"counts": checked},
        figures={
            "samples": plots.samples(train.x, train.y, options.classes),
            "flattened_inputs": plots.flattened(train.x[:NUM_FLATTENED]),
            "classes": plots.class_distribution(splits, options.classes),
        },
    )


def read_split(source: Path, prefix: str, classes: Sequence[str]) -> Split:
    """Read images [n, 28, 28] and labels [n], both uint8, from the files that start with `prefix`.

    Raises:
        DataError: If counts differ, images have another size, or labels are out of range or all
            the same.
    """
    images_path = source / f"{prefix}-images-idx3-ubyte"
    labels_path = source / f"{prefix}-labels-idx1-ubyte"
    x, y = read_idx(images_path, 3), read_idx(labels_path, 1)
    if x.shape[1:] != (SIDE, SIDE):
        height, width = x.shape[1:]
        raise DataError(f"{images_path}: expected images of 28x28 pixels, found {height}x{width}")
    if len(x) != len(y):
        raise DataError(f"{labels_path}: expected {len(x)} labels, one per image, found {len(y)}")
    if len(y) and y.max() >= len(classes):
        raise DataError(f"{labels_path}: expected labels below {len(classes)}, found {y.max()}")
    check_classes(labels_path, y, classes)
    return Split(x, y)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes: magic number, shape (big-endian uint32), values.

    Args:
        path: Path of the file.
        dimensions: Number of dimensions, 1 or 3.

    Returns:
        Array, uint8 of the shape in the header.

    Raises:
        DataError: If the magic number or the size of the file is wrong, or it cannot be read.
    """
    header = 4 + 4 * dimensions
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(header)
            if len(start) < header:
                raise DataError(f"{path}: expected at least {header} bytes, found {size}")
            magic, *shape = struct.unpack(f">{1 + dimensions}I", start)
            if magic != MAGIC_NUMBERS[dimensions]:
                expected = MAGIC_NUMBERS[dimensions]
                raise DataError(f"{path}: expected magic number {expected:#x}, found {magic:#x}")
            count = math.prod(shape)
            if size - header != count:
                raise DataError(
                    f"{path}: expected {count} values for shape {shape}, found {size - header}"
                )
            if size > MAX_BYTES:
                raise DataError(f"{path}: expected at most {MAX_BYTES:,} bytes, found {size:,}")
            return np.frombuffer(file.read(), np.uint8).reshape(shape)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
