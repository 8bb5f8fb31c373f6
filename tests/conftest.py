import gc
import random
import sys

import numpy as np
import pytest
from hypothesis import settings

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
