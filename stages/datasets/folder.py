"""A folder of your own picture files, for the networks that make pictures.

Every file in it and in the folders below must be a picture, but for hidden ones (.DS_Store,
folders such as .git) and Thumbs.db and desktop.ini, which are passed over. Links to folders are
not followed. Pictures stay where they are: prepared are their names, and what is said of them.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.data import Part, Prepared
from stages.datasets.common import check_facts, split
from stages.errors import UserError
from stages.params import Folder, FolderPreprocess
from stages.pictures import Cut, UnusableError, cut_out, load
from stages.plots import data as plots

CLASSES = ["picture"]
LITTER = ("thumbs.db", "desktop.ini")  # what Windows leaves in folders of pictures
FEWEST = 64  # pictures: with less no network learns more than these
CHUNK = 1000  # pictures that wait for a thread
SHOWN = 8


class Picture(NamedTuple):
    """What is known of a picture file, or the problem for which it can not be used."""

    format: str = ""
    mode: str = ""
    height: int = 0
    width: int = 0
    sha256: bytes = b""
    problem: str = ""


@dataclass
class Survey:
    """What is known of all pictures: counts, sizes [height, width] and a hash over all."""

    formats: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)


def prepare(raw: Path, block: Folder) -> Prepared:
    """Decode every picture in the folder `raw` once, and divide their names into parts.

    The parts hold names relative to the folder; stages.training.streamed reads them.

    Raises:
        UserError: when there is no such folder, a file in it is no usable picture, or there are
            fewer than FEWEST.
    """
    choice = block.preprocess
    cut = Cut(choice.crop, choice.crop_factor, choice.output_shape)
    names = find_files(raw)
    checked = check_facts({"pictures": len(names)}, block.facts)
    names = limited(names, choice)
    surveyed = survey(raw, names, cut)
    if len(names) < FEWEST:
        raise UserError(f"{raw}: expected at least {FEWEST} pictures, found {len(names)}")
    parts = divide(names, choice)
    sizes = np.array(surveyed.sizes)
    shown = [load((raw / name).read_bytes()) for name in parts["train"].x[:SHOWN]]
    return Prepared(
        parts=parts,
        description={
            "kind": "folder",
            "classes": CLASSES,
            "source": str(raw),
            "cut": cut._asdict(),
            "sha256": surveyed.digest.hexdigest(),
        },
        report={
            "facts": checked,
            "pictures_used": len(names),
            "formats": dict(sorted(surveyed.formats.items())),
            "modes": dict(sorted(surveyed.modes.items())),
            "height": pd.Series(sizes[:, 0]).describe().round(1).to_dict(),
            "width": pd.Series(sizes[:, 1]).describe().round(1).to_dict(),
        },
        figures={"samples": plots.cuts(shown, cut), "sizes": plots.sizes(sizes, cut)},
    )


def find_files(folder: Path) -> list[str]:
    """The files in `folder` and below that are to be pictures, by relative name, sorted.

    Raises:
        UserError: when it is no folder, or there is nothing in it.
    """
    if not folder.is_dir():
        problem = "not a folder" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {problem}; `source` must name a folder of pictures")
    names = sorted(path.relative_to(folder).as_posix() for path in walk(folder))
    if not names:
        raise UserError(f"{folder}: no pictures in it, expected at least {FEWEST}")
    return names


def walk(folder: Path) -> Iterator[Path]:
    """All files below `folder`, without hidden ones and litter, in any order."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name.lower() not in LITTER:
                yield Path(parent, name)


def limited(names: list[str], choice: FolderPreprocess) -> list[str]:
    """At most `limit` of `names`, chosen at random since folders are often sorted by content."""
    order = np.random.default_rng(choice.seed).permutation(len(names))
    return sorted(names[row] for row in order[: choice.limit])


def survey(folder: Path, names: list[str], cut: Cut) -> Survey:
    """Decode and cut every picture, as training will, keeping none of them in memory.

    Raises:
        UserError: naming the first file that can not be used, why, and how many more there are.
    """
    found, bad = Survey(), list[str]()
    for name, picture in zip(names, examine_all(folder, names, cut), strict=True):
        if picture.problem:
            bad.append(f"{folder / name}: {picture.problem}")
            continue
        found.formats[picture.format] += 1
        found.modes[picture.mode] += 1
        found.sizes.append((picture.height, picture.width))
        found.digest.update(os.fsencode(name) + b"\0" + picture.sha256)
    if bad:
        more = f" (and {len(bad) - 1} more of {len(names)} files)" if len(bad) > 1 else ""
        raise UserError(f"{bad[0]}{more}; remove or replace what is no usable picture")
    return found


def examine_all(folder: Path, names: list[str], cut: Cut) -> Iterator[Picture]:
    """What `examine` says of each, in order, on all processors."""
    bar = tqdm(total=len(names), desc=f"{folder}", unit=" pictures", mininterval=1)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            for picture in pool.map(lambda name: examine(folder / name, cut), chunk):
                bar.update()
                yield picture


def examine(path: Path, cut: Cut) -> Picture:
    """Read, decode and cut one picture file."""
    try:
        return examine_content(path.read_bytes(), cut)
    except OSError as error:
        return Picture(problem=f"can not be read: {error.strerror}")


def examine_content(content: bytes, cut: Cut) -> Picture:
    """Decode and cut what is in a picture file."""
    try:
        image = load(content)
        cut_out(image, cut)
    except UnusableError as error:
        return Picture(problem=str(error))
    sha256 = hashlib.sha256(content).digest()
    return Picture(str(image.format), image.mode, image.height, image.width, sha256)


def divide(names: list[str], choice: FolderPreprocess) -> dict[str, Part]:
    """Names at random into train, validation and test."""
    every = Part(np.array(names), np.zeros(len(names), np.uint8))
    rest, test = split(every, choice.test_share, choice.seed)
    train, validation = split(rest, choice.validation_share, choice.seed)
    return {"train": train, "validation": validation, "test": test}
