"""Run a stage with DVC, reading and writing only its entry of dvc.lock.

    python -m stages.run_stage [OPTIONS] STAGE

does what `dvc repro --quiet --single-item [OPTIONS] STAGE` does, which parses and writes the whole
of dvc.lock for each stage, mostly in pure Python, and parses params.yaml four times. With two
hundred stages, this takes ten seconds or more, while no other DVC command can run. Unlike it, this
prints the errors of DVC.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dvc.dvcfile
import dvc.logger
from dvc.cli import main as run_dvc
from dvc.logger import set_loggers_level
from dvc.stage.exceptions import StageCmdFailedError
from dvc.utils.serialize import loads_yaml

from stages.dvc_lock import read_lock, select_entries
from stages.dvc_patches import Lockfile, patch_dvc


def main(arguments: Sequence[str]) -> int:
    """Run a stage; returns the exit status of DVC.

    Args:
        arguments: Options of `dvc repro`, and the name of the stage.
    """
    stage = arguments[-1]

    class Entry(Lockfile):
        """dvc.lock, of which also only the entry of this stage is read."""

        def _load_yaml(self, **options: Any) -> tuple[Any, str]:
            if "--allow-missing" in arguments:  # others tell what a missing dependency contains
                return super()._load_yaml(**options)
            text = select_entries(read_lock(Path(self.path)), [stage])
            return self.validate(loads_yaml(text), self.relpath) if text else {}, text

    patch_dvc()
    print_errors()
    dvc.dvcfile.Lockfile = Entry  # type: ignore[misc]
    return run_dvc(["--wait-for-lock", "repro", "--quiet", "--single-item", *arguments])


def print_errors() -> None:
    """Let DVC print its errors despite `--quiet`, but those of commands, which print their own."""
    for handler in logging.getLogger("dvc").handlers:
        handler.addFilter(is_of_dvc)
    dvc.logger.set_loggers_level = lambda _: set_loggers_level(logging.ERROR)


def is_of_dvc(record: logging.LogRecord) -> bool:
    """Whether a record is not that of a command that failed."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error and error.__cause__, StageCmdFailedError)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
