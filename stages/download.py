"""Download a dataset, verify what is inside, and keep it in data/raw/<dataset>/.

Sources, in order: $DATASETS_MIRROR, ../shared/datasets when there, the public addresses. A mirror
is a folder or a base URL that holds <dataset>/<file>. What decides is the sha256 of the content,
whoever served it: containers differ from mirror to mirror.
"""

import gzip
import hashlib
import io
import logging
import os
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pooch
from tqdm import tqdm

from stages import cli, params
from stages.errors import UserError
from stages.files import replacing

ROOT = Path("data/raw")
SHARED = Path("../shared/datasets")
LARGEST = 1 << 28  # bytes of content: four times the largest dataset, far below a tar bomb


def main(dataset: str) -> None:
    """Fetch, verify and store all files of `dataset`; none is kept unless all are right."""
    block = params.get(params.load().downloads, dataset, "download")
    with replacing(ROOT / dataset) as folder:
        folder.mkdir(parents=True)
        for name, sha256 in block.files.items():
            (folder / name).write_bytes(obtain(dataset, name, sha256, block))


def obtain(dataset: str, name: str, sha256: str, block: params.Download) -> bytes:
    """The content of one file from the first source that has it right.

    Raises:
        UserError: when no source has it, with what each of them gave instead.
    """
    failures = []
    for base in sources(dataset, block.urls):
        source = f"{base.rstrip('/')}/{served_name(name, block.packing)}"
        try:
            content = unpack(fetch(source), block.packing)
        except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
            failures.append(f"{source}: {' '.join(str(error).split()) or type(error).__name__}")
        else:
            found = hashlib.sha256(content).hexdigest()
            if found == sha256:
                return content
            failures.append(f"{source}: expected sha256 {sha256} of {name}, found {found}")
        print(f"warning: {failures[-1]}", file=sys.stderr)
    raise UserError(f"{dataset}/{name}: no source has it: {'; '.join(failures)}")


def sources(dataset: str, urls: list[str]) -> Iterator[str]:
    """Base addresses to try, best first."""
    if mirror := os.environ.get("DATASETS_MIRROR"):
        yield f"{mirror.rstrip('/')}/{dataset}"
    if SHARED.is_dir():
        yield str(SHARED / dataset)
    yield from urls


def served_name(name: str, packing: str) -> str:
    """The name under which sources hold `name`."""
    return {"gzip": f"{name}.gz", "reviews": "aclImdb_v1.tar.gz"}.get(packing, name)


def fetch(source: str) -> bytes:
    """Read a file of a mirror's folder, or download it with a progress bar and retries.

    Raises:
        OSError: when it can not be had.
    """
    if not source.startswith(("http://", "https://")):
        return Path(source).read_bytes()
    base, name = source.rsplit("/", 1)
    pooch.get_logger().setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        fetcher = pooch.create(folder, f"{base}/", registry={name: None}, retry_if_failed=2)
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=30)
        return Path(fetcher.fetch(name, downloader=downloader)).read_bytes()


def unpack(container: bytes, packing: str) -> bytes:
    """The content whose hash counts.

    plain: all of it. text: line ends made LF. gzip: what is compressed. reviews: see
    `read_reviews`.

    Raises:
        OSError, EOFError, zlib.error, tarfile.TarError, ValueError: when it is damaged.
    """
    if packing == "plain":
        return container
    if packing == "text":
        return container.replace(b"\r\n", b"\n")
    with gzip.open(io.BytesIO(container)) as stream:
        if packing == "reviews":
            return read_reviews(stream)
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"more than {LARGEST} bytes when decompressed")
    return content


def read_reviews(stream: io.BufferedIOBase) -> bytes:
    """The labelled reviews of the IMDB archive in sorted order, each as path, NUL, text, NUL.

    Nothing is extracted to disk, so no member can be written outside; one that would be is
    refused all the same, since an archive that has it is not what it claims to be.

    Raises:
        ValueError: for a path that leaves the archive's folder, or more content than expected.
    """
    reviews, size = {}, 0
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in tqdm(archive, "reading reviews", unit=" files", mininterval=1):
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"unsafe path {member.name!r} in the archive")
            size += member.size
            if size > LARGEST:
                raise ValueError(f"more than {LARGEST} bytes in the archive")
            file = archive.extractfile(member) if is_review(path) else None
            if file:
                reviews[str(path.relative_to("aclImdb"))] = file.read()
    return b"".join(f"{path}\0".encode() + reviews[path] + b"\0" for path in sorted(reviews))


def is_review(path: PurePosixPath) -> bool:
    """Whether a member of the archive is a labelled review."""
    return any(
        path.match(f"aclImdb/{part}/{label}/*.txt")
        for part in ("train", "test")
        for label in ("pos", "neg")
    )


if __name__ == "__main__":
    cli.run(main, "dataset")
