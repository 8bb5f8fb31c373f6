"""Check that memory is independent of the size of an image folder.

    python -m benchmarks.folder_memory [images]

Creates a folder with this number of images (1,000 by default) and one with ten times as many, and
measures the peak resident memory of a process that preprocesses each and reads one epoch of it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.memory import peak_memory

ROOT = Path(__file__).parent.parent
SIDE = 128
OPTIONS = SimpleNamespace(
    center_crop=None, crop_fraction=1.0, image_shape=[SIDE, SIDE, 3], max_examples=None, seed=1,
    test_fraction=0.1, validation_fraction=0.1,
)  # fmt: skip
TRAINING = SimpleNamespace(batch_size=64, augmentation=None)


def main(images: int) -> None:
    """Measure both folders, and print the ratio of their peak memory."""
    print(f"{'images':>10}{'imports MB':>12}{'peak MB':>10}")
    small, large = (measure(images * factor) for factor in (1, 10))
    print(f"ten times the images: {large / small:.2f} times the memory")


def measure(images: int) -> float:
    """Measure the peak memory in MB of a process with a folder of this number of images."""
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        make_folder(Path(folder) / "images", images)
        command = [sys.executable, "-m", "benchmarks.folder_memory", "read", folder]
        child = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    before, after = map(float, child.stdout.split())
    print(f"{images:10,}{before:12.0f}{after:10.0f}")
    return after


def make_folder(folder: Path, images: int) -> None:
    """Write JPEG files of random blobs, a few kilobytes each."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(images):
        blobs = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        blobs.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg")


def read(folder: Path) -> None:
    """Preprocess the images, read one epoch, and print the peak memory before and after, in MB."""
    from stages.core import splits
    from stages.datasets import image_folder
    from stages.pipelines.images import make_batches

    before = peak_memory()
    config: Any = SimpleNamespace(expected={}, preprocess=OPTIONS)
    prepared = image_folder.prepare(folder / "images", config)
    splits.save_split(folder / "train", prepared.splits["train"])
    train = splits.Split(np.load(folder / "train/x.npy", mmap_mode="r"), prepared.splits["train"].y)
    training: Any = TRAINING
    shown = sum(len(x) for x, _ in make_batches(train, training, shuffle=True))
    if shown != len(train.y):
        raise AssertionError(f"{len(train.y)} images, {shown} read")
    print(before, peak_memory())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        read(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 1000)
