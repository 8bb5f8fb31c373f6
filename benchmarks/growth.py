"""Measure how time and memory scale with the data, from 0.25 to 4 times MNIST and IMDB.

    python -m benchmarks.growth

Preprocesses the data and trains one epoch, each in a separate process, and prints a table. Larger
datasets repeat the same data.
"""

import copy
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import yaml

from benchmarks.project import ROOT, environment
from benchmarks.recipes import Values
from stages.config.load import parse_params, read_yaml
from stages.core.cli import exit_on_error
from stages.core.errors import UserError
from stages.core.paths import PARAMS
from stages.datasets.idx_images import MAGIC_NUMBERS, read_idx
from stages.datasets.imdb import FILE, read_reviews

SIZES = (0.25, 0.5, 1, 4)
MODELS = ("mnist_cnn", "imdb_lstm")


class Cost(NamedTuple):
    """Time in seconds and peak resident memory in MB."""

    seconds: float
    memory_mb: float


def main() -> None:
    """Measure all sizes of both datasets and print a table."""
    print("| model | dataset size (x) | preprocess, s | MB | train one epoch, s | MB |")
    print("|---|--:|--:|--:|--:|--:|")
    for model in MODELS:
        for size in SIZES:
            print(as_row(model, size, measure(read_yaml(PARAMS), model, size)), flush=True)


def as_row(model: str, size: float, costs: Iterable[Cost]) -> str:
    """Return one row of the table."""
    cells = [f"{cost.seconds:.1f} | {cost.memory_mb:.0f}" for cost in costs]
    return f"| {' | '.join([model, f'{size:g}', *cells])} |"


def measure(values: Values, model: str, size: float) -> tuple[Cost, Cost]:
    """Measure the cost of `preprocess` and of one epoch of `train`.

    Args:
        values: Values of params.yaml.
        model: Id of the model, one of MODELS.
        size: Dataset size, as a multiple of the original one.

    Raises:
        UserError: If the raw data is missing or a stage fails.
    """
    dataset = values["models"][model]["dataset"]
    source = ROOT / "data/raw" / dataset
    if not source.is_dir():
        raise UserError(f"{source}: missing; run `dvc repro download@{dataset}`")
    with TemporaryDirectory(prefix="growth-") as name:
        folder = Path(name)
        scale = SCALES[values["datasets"][dataset]["module"]]
        scale(source, folder / "data/raw" / dataset, size)
        text = yaml.safe_dump(one_epoch(values, model), sort_keys=False)
        (folder / "params.yaml").write_text(text)
        return run(folder, "preprocess", dataset), run(folder, "train", model)


def one_epoch(values: Values, model: str) -> Values:
    """Return parameters to train a model for one epoch on any amount of data."""
    changed = copy.deepcopy(values)
    changed["models"][model]["training"]["epochs"] = 1
    changed["datasets"][changed["models"][model]["dataset"]]["expected"] = {}
    parse_params(changed, str(PARAMS))
    return changed


def scale_images(source: Path, target: Path, size: float) -> None:
    """Write IDX files with `size` times as many images or labels.

    Args:
        source: Folder of IDX files.
        target: Folder to create.
        size: Dataset size: below 1, the first images are used; above 1, images are repeated.
    """
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        dimensions = 3 if "images" in path.name else 1
        array = read_idx(path, dimensions)
        scaled = np.resize(array, (round(len(array) * size), *array.shape[1:]))
        header = struct.pack(f">{1 + dimensions}I", MAGIC_NUMBERS[dimensions], *scaled.shape)
        (target / path.name).write_bytes(header + scaled.tobytes())


def scale_reviews(source: Path, target: Path, size: float) -> None:
    """Write a file with `size` times as many reviews; see `scale_images`.

    A size below 1 uses evenly spaced reviews, since the file is sorted by class.
    """
    target.mkdir(parents=True)
    paths, texts = read_reviews(source / FILE)
    indices = np.floor(np.arange(round(len(paths) * size)) / size % len(paths)).astype(int)
    fields = [f"{paths[index]}\0{texts[index]}\0" for index in indices]
    (target / FILE).write_text("".join(fields), encoding="utf-8", newline="")


SCALES: dict[str, Callable[[Path, Path, float], None]] = {
    "idx_images": scale_images,
    "imdb": scale_reviews,
}


def run(folder: Path, stage: str, name: str) -> Cost:
    """Run a stage in a project folder and measure its cost.

    Raises:
        UserError: If it fails.
    """
    command = [sys.executable, "-m", f"stages.{stage}", name]
    variables = environment() | {"PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise UserError(f"{' '.join(command[1:])} failed; see the lines above")
    return Cost(time.perf_counter() - began, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    exit_on_error(main)
