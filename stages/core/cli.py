"""Command-line entry point of all stages: `python -m stages.<stage> <id>`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from stages.core.errors import ConfigError, UserError

# TensorFlow reads these when it is imported, which entry scripts do after `run` was called.
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Keep freed memory for the next step instead of returning it to the system.
    "TF_CPU_ALLOCATOR_USE_BFC": "true",
    # The same on any machine: the number of threads changes the rounding of sums.
    "TF_NUM_INTRAOP_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
}

RESTORE = (
    "; then run `dvc repro` again, which restores the outputs that DVC removed before this stage"
)


def run(stage: Callable[[str], None], noun: str) -> None:
    """Call a stage with the id given on the command line.

    Args:
        stage: Function to call.
        noun: Name of what the id identifies, for the help text.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("id", help=f"id of the {noun} in params.yaml")
    exit_on_error(lambda: stage(parser.parse_args().id))


def exit_on_error(work: Callable[[], None]) -> None:
    """Call `work`; end the process with one line and a non-zero status on an error.

    This is for errors that the user can fix: a UserError, or an OSError such as a full disk. Any
    other exception is a bug and keeps its traceback.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background
        signal.signal(signal.SIGINT, exit_on_interrupt)
    try:
        work()
    except ConfigError as error:
        sys.exit(f"error: {error}{RESTORE if 'DVC_STAGE' in os.environ else ''}")
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def exit_on_interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End the process immediately.

    An exception would free memory that TensorFlow's threads still use, which sometimes crashes.
    Temporary files are left, as after a kill; the next run removes them.
    """
    del number, frame
    os.write(2, b"error: interrupted; the outputs of this stage were not replaced\n")
    os._exit(130)
