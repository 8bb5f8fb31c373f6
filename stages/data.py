"""Processed data: what `preprocess` writes and `train` and `evaluate` read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from stages.files import read_json

ROOT = Path("data/processed")
PARTS = ("train", "validation", "test")


class Part(NamedTuple):
    """Rows and their labels.

    x: [n, ...], uint8 pictures [n, 28, 28], float32 tables [n, columns] with NaN where a value is
        missing, or uint16 words [n, length].
    y: [n] uint8, the class.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass
class Prepared:
    """What a dataset's module makes of the raw files.

    parts: one for each of PARTS.
    description: what the networks must know: kind, classes, columns, vocabulary.
    files: further text files for the processed folder, by name.
    report: the data report, for JSON.
    figures: its pictures, by name.
    """

    parts: dict[str, Part]
    description: dict[str, Any]
    report: dict[str, Any]
    figures: dict[str, Figure]
    files: dict[str, str] = field(default_factory=dict)


def save_part(folder: Path, name: str, part: Part) -> None:
    """Write a part as `<name>.npz`; equal parts give equal bytes."""
    np.savez(folder / f"{name}.npz", x=part.x, y=part.y)


def load_part(dataset: str, name: str) -> Part:
    """Read a part of a processed dataset."""
    with np.load(ROOT / dataset / f"{name}.npz") as arrays:
        return Part(arrays["x"], arrays["y"])


def load_description(dataset: str) -> dict[str, Any]:
    """Read what `preprocess` says of a dataset."""
    return read_json(ROOT / dataset / "description.json")


def concatenate(*parts: Part) -> Part:
    """All rows of `parts`, in order."""
    return Part(np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts]))


def describe_parts(parts: dict[str, Part], classes: list[str]) -> dict[str, Any]:
    """Shapes, dtypes and the rows of each class, part by part."""
    return {
        name: {
            "x": {"shape": list(part.x.shape), "dtype": str(part.x.dtype)},
            "y": {"shape": list(part.y.shape), "dtype": str(part.y.dtype)},
            "rows_by_class": dict(
                zip(classes, np.bincount(part.y, minlength=len(classes)).tolist(), strict=True)
            ),
        }
        for name, part in parts.items()
    }
