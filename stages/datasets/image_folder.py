"""Folder of image files of any size and number, for image generation.

Every file in it and in the folders below must be an image, except hidden ones (.DS_Store, folders
such as .git), Thumbs.db and desktop.ini, which are skipped. Links to folders are not followed.
Each file is decoded once, into a memory-mapped file, so memory usage is constant.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from stages.core.errors import DataError
from stages.core.paths import PROCESSED
from stages.core.splits import SPLITS, Split
from stages.datasets.common import Prepared, check_counts, read_bytes, split_indices, summarize
from stages.encoding.image import CropResize, InvalidImageError, crop_and_resize, load_image
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import ImageFolder, ImageFolderPreprocess

CLASSES = ["image"]
IGNORED_FILES = ("thumbs.db", "desktop.ini")  # metadata files of Windows
MIN_IMAGES = 64  # fewer would be memorized
MAX_BYTES = 1 << 28  # per file
CHUNK = 1000  # images queued for the threads
NUM_SHOWN = 8


class Decoded(NamedTuple):
    """A decoded image file: its pixels and properties, or the reason why it is invalid."""

    pixels: bytes = b""  # uint8 of the shape of the crop
    format: str = ""
    mode: str = ""
    height: int = 0
    width: int = 0
    problem: str = ""


def prepare(source: Path, config: "ImageFolder") -> Prepared:
    """Decode every image of the folder `source`, split at random.

    The x of the splits are memory-mapped from a temporary file.

    Raises:
        DataError: If there is no such folder, a file in it is no valid image, or there are fewer
            than MIN_IMAGES.
    """
    options = config.preprocess
    crop = make_crop(options)
    files = find_files(source)
    checked = check_counts({"images": len(files)}, config.expected)
    files = subsample(files, options)
    if len(files) < MIN_IMAGES:
        raise DataError(f"{source}: expected at least {MIN_IMAGES} images, found {len(files)}")
    labels = np.zeros(len(files), np.uint8)
    indices = split_indices(
        labels, options.validation_fraction, options.test_fraction, options.seed
    )
    in_order = [source / files[index] for name in SPLITS for index in indices[name]]
    x, properties = decode_files(source, in_order, crop)
    ends = np.cumsum([len(indices[name]) for name in SPLITS])[:-1]
    parts = zip(SPLITS, np.split(x, ends), np.split(labels, ends), strict=True)
    sizes = np.array([(image.height, image.width) for image in properties])
    shown = [load_image(path.read_bytes()) for path in in_order[:NUM_SHOWN]]
    return Prepared(
        splits={name: Split(images, y) for name, images, y in parts},
        info={
            "classes": CLASSES,
            "positive_class": None,
            "input": {"type": "image", **crop._asdict()},
        },
        report={
            "counts": checked,
            "images_used": len(files),
            "formats": dict(sorted(Counter(image.format for image in properties).items())),
            "modes": dict(sorted(Counter(image.mode for image in properties).items())),
            "height": summarize(sizes[:, 0]),
            "width": summarize(sizes[:, 1]),
        },
        figures={"samples": plots.crops(shown, crop), "sizes": plots.image_sizes(sizes, crop)},
    )


def make_crop(options: "ImageFolderPreprocess") -> CropResize:
    """Build the crop settings; grayscale images have no channel axis."""
    height, width, channels = options.image_shape
    shape = [height, width] if channels == 1 else [height, width, channels]
    return CropResize(options.center_crop, options.crop_fraction, shape)


def find_files(folder: Path) -> list[str]:
    """Find the image files in `folder` and below: relative paths, sorted.

    Raises:
        DataError: If it is not a folder, or is empty.
    """
    if not folder.is_dir():
        problem = "not a folder" if folder.exists() else "no such folder"
        raise DataError(f"{folder}: {problem}; `source` must name a folder of images")
    files = sorted(path.relative_to(folder).as_posix() for path in walk(folder))
    if not files:
        raise DataError(f"{folder}: no images in it, expected at least {MIN_IMAGES}")
    return files


def walk(folder: Path) -> Iterator[Path]:
    """Yield all files below `folder` except hidden and ignored ones, in any order."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and name.lower() not in IGNORED_FILES:
                yield Path(parent, name)


def subsample(files: Sequence[str], options: "ImageFolderPreprocess") -> list[str]:
    """Draw at most `max_examples` of `files` at random; folders are often sorted by content."""
    order = np.random.default_rng(options.seed).permutation(len(files))
    return sorted(files[index] for index in order[: options.max_examples])


def decode_files(
    folder: Path, paths: Sequence[Path], crop: CropResize
) -> tuple[np.ndarray, list[Decoded]]:
    """Decode images into a temporary file.

    Args:
        folder: Folder of the files, for messages.
        paths: Paths of n image files.
        crop: Crop settings.

    Returns:
        Images, uint8 [n, *crop.shape], memory-mapped, and the properties of each file.

    Raises:
        DataError: If a file is invalid, with the first of them, the reason, and how many more.
    """
    properties, invalid = list[Decoded](), dict[Path, str]()
    PROCESSED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=PROCESSED) as file:  # the mapping outlives the open file
        for path, image in zip(paths, decode_in_threads(folder, paths, crop), strict=True):
            if image.problem:
                invalid[path] = image.problem
            file.write(image.pixels)
            properties.append(image._replace(pixels=b""))
        if invalid:
            first, more = min(invalid), len(invalid) - 1
            others = f" (and {more} more of {len(paths)} files)" if more else ""
            raise DataError(f"{first}: {invalid[first]}{others}; remove or replace such files")
        file.flush()
        return np.memmap(file, np.uint8, "r", shape=(len(paths), *crop.shape)), properties


def decode_in_threads(folder: Path, paths: Sequence[Path], crop: CropResize) -> Iterator[Decoded]:
    """Decode images in threads on all CPU cores, in order, with few of them in memory."""
    bar = tqdm(total=len(paths), desc=f"{folder}", unit=" images", mininterval=1)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            for image in pool.map(lambda path: decode_file(path, crop), chunk):
                bar.update()
                yield image


def decode_file(path: Path, crop: CropResize) -> Decoded:
    """Read, decode, crop and resize an image file; an error is returned as `problem`."""
    try:
        image = load_image(read_bytes(path, MAX_BYTES))
        pixels = crop_and_resize(image, crop).tobytes()
    except InvalidImageError as error:
        return Decoded(problem=str(error))
    except DataError as error:
        return Decoded(problem=str(error).removeprefix(f"{path}: "))
    return Decoded(pixels, str(image.format), image.mode, image.height, image.width)
