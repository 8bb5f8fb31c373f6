"""Does memory stay flat when a folder of pictures grows tenfold?

    python -m benchmarks.folder_memory [pictures]

Makes folders of so many pictures (1,000 when nothing is said) and of ten times as many, and
measures in a process of its own each: the peak of resident memory before, and after one epoch of
stages.training.streamed; in contrast, after all pictures were read to one array.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from stages.datasets.folder import find_files
from stages.pictures import Cut, read_pictures
from stages.training import streamed

ROOT = Path(__file__).parent.parent
SIDE = 128
CUT = Cut(None, 1.0, (SIDE, SIDE, 3))
BATCH = 64


def main(pictures: int) -> None:
    """Measure both ways for both folders, and print how much more ten times the pictures take."""
    print(f"{'':8}{'pictures':>10}{'peak MB':>10}{'of which pictures':>20}")
    for way in ("stream", "array"):
        small, large = (measure(way, pictures * factor) for factor in (1, 10))
        print(f"{way:8}ten times the pictures: {large / small:.2f} times the memory")


def measure(way: str, pictures: int) -> float:
    """The peak memory in MB of one process that reads a folder of `pictures` in a `way`."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        make_folder(Path(folder), pictures)
        command = [sys.executable, "-m", "benchmarks.folder_memory", way, folder]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        child = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    before, after = map(float, child.stdout.split())
    print(f"{way:8}{pictures:10,}{after:10.0f}{after - before:20.0f}")
    return after


def make_folder(folder: Path, pictures: int) -> None:
    """Write JPEG files of random blots, of a few kilobytes each."""
    random = np.random.default_rng(0)
    for number in range(pictures):
        blots = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        blots.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg")


def read(way: str, folder: Path) -> None:
    """Read all pictures in `folder` once, and print the peak of memory before and after, in MB."""
    names = find_files(folder)
    paths = [folder / name for name in names]
    read_pictures(paths[:BATCH], CUT)  # so that what is loaded at the first use counts before
    before = peak()
    if way == "stream":
        description = {"source": str(folder), "cut": CUT._asdict()}
        shown = sum(len(batch) for batch in streamed(description, np.array(names), BATCH, None))
    else:
        shown = len(read_pictures(paths, CUT))
    if shown != len(names):
        raise AssertionError(f"{len(names)} pictures, {shown} read")
    print(before, peak())


def peak() -> float:
    """The most memory that was resident in this program, in MB, as Linux says.

    Not getrusage: what it gives begins with the size of the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024  # kB


if __name__ == "__main__":
    if len(sys.argv) == 3:
        read(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 1000)
