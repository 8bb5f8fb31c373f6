"""The edge of every stage: `python -m stages.<stage> <id>`, and errors in one line."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from stages.errors import UserError


def run(stage: Callable[[str], None], noun: str) -> None:
    """Call `stage` with the id on the command line.

    A UserError, a full disk or an interruption ends the process with one line and a non-zero
    status; any other exception is a bug, and keeps its traceback.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("id", help=f"the {noun}'s id in params.yaml")
    run_guarded(lambda: stage(parser.parse_args().id))


def run_guarded(work: Callable[[], None]) -> None:
    """Call `work`, with the errors of `run`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not in the background
        signal.signal(signal.SIGINT, stop)
    try:
        work()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """End the process where it is interrupted.

    An exception would free what TensorFlow's threads still work on, which crashes now and then.
    What was begun is left beside as after a kill, and the next run removes it.
    """
    del number, frame
    os.write(2, b"error: interrupted, nothing was written\n")
    os._exit(130)
