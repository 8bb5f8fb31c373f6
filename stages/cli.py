"""The edge of every stage: `python -m stages.<stage> <id>`, and errors in one line."""

import argparse
import os
import sys
from collections.abc import Callable

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
    try:
        work()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("error: interrupted, nothing was written", file=sys.stderr, flush=True)
        os._exit(130)  # a usual end lets TensorFlow's threads abort the process now and then
