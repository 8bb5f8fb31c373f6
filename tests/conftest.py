import fcntl
import gc
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import settings

from tests import reduced

# Use the same examples in every run, also on slow machines.
settings.register_profile("reproducible", derandomize=True, deadline=None)
settings.load_profile("reproducible")


@pytest.fixture(autouse=True)
def _same_random_numbers_in_every_run() -> None:
    random.seed(0)
    np.random.seed(0)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(0)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Use the argument name as the id of bytes: gzip contains the time, which differs by worker."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_finish() -> None:
    """Exclude imported modules from garbage collection, which each training run triggers."""
    gc.collect()
    gc.freeze()


class Project(NamedTuple):
    """A committed project whose reduced pipeline has run."""

    folder: Path
    printed: str  # by the pipeline


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Run the reduced pipeline once for all workers; each has a copy of the project to change."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    original, printed = shared / "reduced", shared / "reduced.txt"
    with (shared / "reduced.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            original.mkdir()
            reduced.copy_project(original)
            text = reduced.run_pipeline(original, stdout=subprocess.PIPE)
            reduced.commit(original, "results")
            printed.write_text(text)
    copy = shutil.copytree(original, tmp_path_factory.mktemp("copy") / "project", symlinks=True)
    return Project(copy, printed.read_text())


@pytest.fixture(scope="session")
def project(ran: Project) -> Path:
    return ran.folder
