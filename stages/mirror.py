"""Download all files as their sources serve them to a folder that can be $DATASETS_MIRROR.

    python -m stages.mirror ~/datasets

For continuous integration, or a class whose machines share one download.
"""

import argparse
import sys
from pathlib import Path

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import atomic_output
from stages.download import fetch_verified, remote_name


def main() -> None:
    """Fill the folder on the command line with all files of `downloads:`."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("folder", type=Path, help="is made if needed; files in it are kept")
    folder = parser.parse_args().folder
    for dataset, config in load_params().downloads.items():
        for file in config.files:
            path = folder / dataset / remote_name(file.name, config.format)
            if not path.exists():
                fetched = fetch_verified(dataset, file.name, file.sha256, config)
                with atomic_output(path) as partial:
                    partial.write_bytes(fetched.served)


if __name__ == "__main__":
    exit_on_error(main)
