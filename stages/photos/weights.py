"""Verified download of the weights of networks, which are large and come from elsewhere."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from stages.config.schema import PublishedFile
from stages.core.errors import DataError
from stages.core.files import atomic_output
from stages.core.paths import RAW
from stages.download import SHARED, describe, fetch, list_sources

FOLDER = "imagenet"  # in data/raw, and in mirrors


def fetch_published(file: PublishedFile, urls: Sequence[str]) -> Path:
    """Return the path of a file in data/raw/imagenet, downloaded if it is not there.

    Keras publishes MD5 hashes of its files, not SHA-256: they detect a damaged file, and one of
    another version, but not a forged one.

    Args:
        file: Its path below an address, and its hash.
        urls: Addresses, tried in order after the mirrors, which have imagenet/<name>.

    Raises:
        DataError: If it is in no mirror and cannot be downloaded; in one line, with what to do.
    """
    name = PurePosixPath(file.file).name
    path = RAW / FOLDER / name
    if path.is_file() and has_hash(path.read_bytes(), file.md5):
        return path
    mirrors = [f"{base}/{name}" for base in list_sources(FOLDER, [])]
    failures = []
    for source in [*mirrors, *(f"{url}/{file.file}" for url in urls)]:
        try:
            content = fetch(source)
        except (OSError, ValueError) as error:
            failures.append(f"{source}: {describe(error)}")
            continue
        if has_hash(content, file.md5):
            with atomic_output(path) as partial:
                partial.write_bytes(content)
            return path
        failures.append(f"{source}: not the file with MD5 {file.md5}")
    raise DataError(
        f"{name}: not available: {'; '.join(failures)}; download it elsewhere and put it into "
        f"{RAW / FOLDER}/ or ../{SHARED}/{FOLDER}/"
    )


def has_hash(content: bytes, md5: str) -> bool:
    """Return whether the MD5 hash of `content` is `md5`."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
