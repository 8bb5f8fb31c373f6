"""Processed data: what `preprocess` writes and `train` and `evaluate` read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from stages.files import read_json
from stages.pictures import Cut, read_pictures

ROOT = Path("data/processed")
PARTS = ("train", "validation", "test")
LIMIT = 1.2  # points lie within -LIMIT to LIMIT on both axes
AXIS = np.linspace(-LIMIT, LIMIT, 40, dtype=np.float32)
GRID = np.stack(np.meshgrid(AXIS, AXIS[::-1]), axis=-1)  # [40, 40, 2], highest row first


class Part(NamedTuple):
    """Rows and what belongs to each.

    x: [n, ...], uint8 pictures [n, 28, 28], float32 tables [n, columns] with NaN where a value is
        missing, uint16 words [n, length], uint16 characters [n], float32 points [n, 2], or the
        names of files [n].
    y: [n] the class, uint8; the next character, uint16; or the colour of a point, uint8 [n, 3].
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


def pictures_of(description: dict[str, Any], part: Part, most: int | None = None) -> np.ndarray:
    """The pictures of a part, uint8 [n, height, width] or [n, height, width, 3].

    Of a folder's, which may be more than memory holds, `most` at the most, evenly chosen.
    """
    if description["kind"] != "folder":
        return part.x
    chosen = np.linspace(0, len(part.x) - 1, min(len(part.x), most or len(part.x))).astype(int)
    paths = [Path(description["source"], name) for name in part.x[chosen]]
    pictures = read_pictures(paths, Cut(**description["cut"]))
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures


def concatenate(*parts: Part) -> Part:
    """All rows of `parts`, in order."""
    return Part(np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts]))


def describe_parts(parts: dict[str, Part], classes: list[str]) -> dict[str, Any]:
    """Shapes, dtypes and, where there are classes, the rows of each, part by part."""
    described = {}
    for name, part in parts.items():
        described[name] = {
            "x": {"shape": list(part.x.shape), "dtype": str(part.x.dtype)},
            "y": {"shape": list(part.y.shape), "dtype": str(part.y.dtype)},
        }
        if classes:
            counts = np.bincount(part.y, minlength=len(classes)).tolist()
            described[name]["rows_by_class"] = dict(zip(classes, counts, strict=True))
    return described
