"""Processed data: the examples of each split, and their description.

data/processed/<dataset>/info.json          classes, encoding of raw input, shapes, counts
data/processed/<dataset>/<split>/x.npy      inputs [n, ...]
data/processed/<dataset>/<split>/y.npy      labels or targets [n, ...]
data/processed/<dataset>/<split>/raw.jsonl  raw examples to show, of some datasets
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import DataError
from stages.core.files import read_json
from stages.core.paths import PROCESSED

SPLITS = ("train", "validation", "test")
INFO = "info.json"
RAW_EXAMPLES = "raw.jsonl"
PADDING = 0  # the token id after the end of a text


class Split(NamedTuple):
    """Examples and their targets.

    Attributes:
        x: Inputs [n, ...]: images, uint8 [n, height, width(, channels)]; tables, float32
            [n, columns], NaN where missing; token ids, uint16 [n, length]; characters, uint16 [n];
            points, float32 [n, 2]; pixel coordinates, uint16 [n, 2].
        y: Classes, uint8 [n]; next characters, uint16 [n]; or colors, uint8 [n, 3].
    """

    x: np.ndarray
    y: np.ndarray

    def take(self, indices: np.ndarray) -> "Split":
        """Return the examples at `indices` [m]."""
        return Split(self.x[indices], self.y[indices])


def concatenate(splits: Sequence[Split]) -> Split:
    """Return all examples of `splits`, in order."""
    x, y = (np.concatenate(arrays) for arrays in zip(*splits, strict=True))
    return Split(x, y)


def save_split(folder: Path, split: Split, raw: Sequence[dict[str, Any]] | None = None) -> None:
    """Write a split to `folder`; equal splits result in equal bytes.

    Args:
        folder: Folder to create; must not exist.
        split: Split to write.
        raw: A JSON object per example, if raw examples are to be shown.
    """
    folder.mkdir(parents=True)
    np.save(folder / "x.npy", split.x)
    np.save(folder / "y.npy", split.y)
    if raw is not None:
        lines = "".join(json.dumps(example) + "\n" for example in raw)
        (folder / RAW_EXAMPLES).write_text(lines, encoding="utf-8")


def load_split(dataset: str, name: str, mmap: bool = False) -> Split:
    """Read a split of a processed dataset.

    Args:
        dataset: Id of the dataset.
        name: One of SPLITS.
        mmap: Whether to map x into memory instead of reading it, for data larger than memory.

    Raises:
        DataError: If a file is missing or damaged.
    """
    folder = PROCESSED / dataset / name
    try:
        x = np.load(folder / "x.npy", mmap_mode="r" if mmap else None)
        return Split(x, np.load(folder / "y.npy"))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{folder}: not a split: {error}; run `dvc repro` of the stage that writes it"
        ) from None


def load_raw(dataset: str, name: str, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Read the raw examples of a split at `indices`, in that order; empty if none are stored."""
    path = PROCESSED / dataset / name / RAW_EXAMPLES
    if not path.exists():
        return []
    wanted = set(map(int, indices))
    with path.open(encoding="utf-8") as lines:
        selected = {number: line for number, line in enumerate(lines) if number in wanted}
    return [json.loads(selected[int(index)]) for index in indices]


def load_info(dataset: str) -> dict[str, Any]:
    """Read info.json of a processed dataset."""
    return read_json(PROCESSED / dataset / INFO)


def describe_splits(splits: dict[str, Split], classes: Sequence[str]) -> dict[str, Any]:
    """Return shapes, dtypes and, if there are classes, examples per class of each split."""
    described = {}
    for name in SPLITS:
        split = splits[name]
        described[name] = {
            "x": {"shape": list(split.x.shape), "dtype": str(split.x.dtype)},
            "y": {"shape": list(split.y.shape), "dtype": str(split.y.dtype)},
        }
        if classes:
            counts = np.bincount(split.y, minlength=len(classes)).tolist()
            described[name]["examples_per_class"] = dict(zip(classes, counts, strict=True))
    return described
