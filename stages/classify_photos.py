"""Classify photographs with a network trained on ImageNet: python -m stages.classify_photos.

    python -m stages.classify_photos [FOLDER] [--network ResNet50]

The defaults are in the section `photos` of params.yaml; without a folder, the photographs are the
two of scikit-learn. This is a command of its own and no stage: DVC would have to download weights
of 100 MB for it, and would keep a result "no weights" even after they have become available, since
none of its dependencies had changed.
"""

import argparse
import sys
from pathlib import Path

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, DataError
from stages.inference.images import list_files, open_image


def main() -> None:
    """Print the most probable classes of each photograph."""
    config = load_params().photos
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=config.folder)
    parser.add_argument("--network", default=config.network, help="name in keras.applications")
    arguments = parser.parse_args()
    photos = list_photos(arguments.folder)
    if arguments.network not in config.weights:
        raise ConfigError(
            f"photos.weights: no file and hash of the weights of {arguments.network!r}, "
            f"expected one of {', '.join(config.weights)}"
        )
    from stages.photos.weights import fetch_published

    index = fetch_published(config.class_index, config.urls)
    weights = fetch_published(config.weights[arguments.network], config.urls)
    from stages.photos.classify import classify, describe, load_pretrained

    pretrained = load_pretrained(arguments.network, lambda: weights, index)
    failed = False
    for path in photos:
        try:
            print(describe({path.name: classify(pretrained, open_image(path), config.top)}))
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
    if failed:
        raise DataError("some files are not photographs")


def list_photos(folder: Path | str | None) -> list[Path]:
    """Return the image files of a folder, or the two photographs of scikit-learn.

    Raises:
        DataError: If there is no such folder, or no image in it.
    """
    if folder is None:
        from sklearn.datasets import load_sample_images

        return [Path(name) for name in load_sample_images().filenames]
    if not Path(folder).exists():  # said before the weights are downloaded
        raise DataError(f"{folder}: expected a folder of photographs")
    return list(list_files(str(folder)))


if __name__ == "__main__":
    exit_on_error(main)
