"""Download all files as their sources serve them to a folder that can be $DATASETS_MIRROR.

    python -m stages.mirror ~/datasets

For continuous integration, or a class whose machines share one download.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import DataError
from stages.core.files import atomic_output
from stages.download import DAMAGED, describe, fetch, list_sources, remote_name, unpack

if TYPE_CHECKING:
    from stages.config.schema import Download, DownloadFile


def main() -> None:
    """Fill the folder on the command line with all files of `downloads:`."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("folder", type=Path, help="is made if needed; files in it are kept")
    folder = parser.parse_args().folder
    for dataset, config in load_params().downloads.items():
        for file in config.files:
            path = folder / dataset / remote_name(file.name, config.format)
            if not path.exists():
                with atomic_output(path) as partial:
                    partial.write_bytes(fetch_served(dataset, file, config))


def fetch_served(dataset: str, file: "DownloadFile", config: "Download") -> bytes:
    """A file as the first source with the right content serves it, for example compressed.

    Args:
        dataset: its id.
        file: its name and the hash of its content.
        config: format and public addresses.

    Raises:
        DataError: if no source has it.
    """
    failures = []
    for base in list_sources(dataset, config.urls):
        source = f"{base.rstrip('/')}/{remote_name(file.name, config.format)}"
        try:
            served = fetch(source)
            found = hashlib.sha256(unpack(served, config.format)).hexdigest()
        except (OSError, *DAMAGED) as error:
            failures.append(f"{source}: {describe(error)}")
            continue
        if found == file.sha256:
            return served
        failures.append(f"{source}: SHA-256 {found[:12]}..., expected {file.sha256[:12]}...")
    raise DataError(f"{dataset}/{file.name}: no source has it: {'; '.join(failures)}")


if __name__ == "__main__":
    exit_on_error(main)
