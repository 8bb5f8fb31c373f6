"""Run a stage with DVC, reading and writing only its entry of dvc.lock.

    python -m stages.run_stage [OPTIONS] STAGE

does what `dvc repro --quiet --single-item [OPTIONS] STAGE` does, which parses and writes the whole
of dvc.lock for each stage, mostly in pure Python, and parses params.yaml four times. With two
hundred stages, this takes ten seconds or more, while no other DVC command can run. Unlike it, this
prints the errors of DVC.
"""

import functools
import logging
import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dvc.dvcfile
import dvc.logger
from dvc.cli import main as run_dvc
from dvc.logger import set_loggers_level
from dvc.stage.exceptions import StageCmdFailedError
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import _yaml, dumps_yaml, loads_yaml

from stages.dvc_lock import read_lock, replace_entry, select_entries, write_lock

STAGES = "stages:\n"


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

    parse_once()
    print_errors()
    dvc.dvcfile.Lockfile = Entry  # type: ignore[misc]
    return run_dvc(["--wait-for-lock", "repro", "--quiet", "--single-item", *arguments])


class Lockfile(dvc.dvcfile.Lockfile):
    """dvc.lock, of which only the entries of the stages that ran are written."""

    def dump_stages(self, stages: Sequence[Any], **options: Any) -> None:
        """Replace the entries of stages."""
        lock = read_lock(Path(self.path))
        for each in stages:
            entry = dumps_yaml({"stages": to_lockfile(each, **options)})
            lock = replace_entry(lock, entry.removeprefix(STAGES))
        write_lock(lock, Path(self.path))


def print_errors() -> None:
    """Let DVC print its errors despite `--quiet`, but those of commands, which print their own."""
    for handler in logging.getLogger("dvc").handlers:
        handler.addFilter(is_of_dvc)
    dvc.logger.set_loggers_level = lambda _: set_loggers_level(logging.ERROR)


def is_of_dvc(record: logging.LogRecord) -> bool:
    """Whether a record is not that of a command that failed."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error and error.__cause__, StageCmdFailedError)


def parse_once() -> None:
    """Let DVC parse the same YAML only once in this process; it does so for each stage."""
    parse = _yaml.parse_yaml

    @functools.cache
    def pickled(text: str, path: str, typ: str) -> bytes:
        return pickle.dumps(parse(text, path, typ))

    # Callers get objects of their own, which they may change.
    _yaml.parse_yaml = lambda text, path, typ="safe": pickle.loads(
        pickled(text, os.path.relpath(path), typ)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
