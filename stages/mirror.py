"""Download all files, as served by their sources, to a folder to use as $DATASETS_MIRROR.

    python -m stages.mirror ~/datasets

For continuous integration, or a class that shares one download.
"""

import argparse
import sys
from pathlib import Path

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output
from stages.download import fetch_verified, remote_name


def main() -> None:
    """Download all files of `downloads:` to the folder given on the command line."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("folder", type=Path, help="created if needed; existing files are kept")
    folder = parser.parse_args().folder
    for dataset, config in load_params().downloads.items():
        for file in config.files:
            path = folder / dataset / remote_name(file.name, config.format)
            if not path.exists():
                fetched = fetch_verified(dataset, file.name, file.sha256, config)
                with atomic_output(path) as partial:
                    partial.write_bytes(fetched.raw)


if __name__ == "__main__":
    exit_on_error(main)
