"""Download a dataset, verify its content, and store it in data/raw/<dataset>/.

Sources, in order: $DATASETS_MIRROR, ../shared/datasets if present, the public addresses. A mirror
is a folder or a base URL that contains <dataset>/<file>. The uncompressed content of each file is
verified by SHA-256, whatever the source: compressed files may differ between mirrors.
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
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

from stages.config.load import get_section, load_params
from stages.core.cli import run
from stages.core.errors import DataError
from stages.core.files import atomic_output
from stages.core.paths import RAW

if TYPE_CHECKING:
    from stages.config.schema import Download

SHARED = "shared/datasets"  # next to the project
IMDB_ARCHIVE = "aclImdb_v1.tar.gz"
MAX_BYTES = 1 << 28  # of a file: four times the largest dataset
MAX_ARCHIVE = 1 << 29  # of the decompressed archive: nearly twice that of IMDB
MAX_MEMBER = 1 << 26  # of a file or header in it; the largest one of IMDB has 41 MB
DAMAGED = (EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError)


def main(dataset: str) -> None:
    """Fetch, verify and store all files of `dataset`, or none if one of them fails."""
    config = get_section(load_params().downloads, dataset, "download")
    with atomic_output(RAW / dataset) as folder:
        folder.mkdir()
        for file in config.files:
            fetched = fetch_verified(dataset, file.name, file.sha256, config)
            (folder / file.name).write_bytes(fetched.content)


class Fetched(NamedTuple):
    """The raw bytes of a file, as served by a source, and its verified content.

    Attributes:
        raw: Bytes as served, for example compressed.
        content: Verified content.
    """

    raw: bytes
    content: bytes


def fetch_verified(dataset: str, name: str, sha256: str, config: "Download") -> Fetched:
    """Fetch a file from the first source whose content has the expected hash.

    Args:
        dataset: Id of the dataset.
        name: Name of the file.
        sha256: Expected hash of its content, hexadecimal.
        config: Format and public addresses.

    Raises:
        DataError: If all sources fail. The message names the error of each.
    """
    failures = list[str]()
    remote = remote_name(name, config.format)
    for base in list_sources(dataset, config.urls):
        source = f"{base.rstrip('/')}/{remote}"
        try:
            raw = fetch(source)
            content = unpack(raw, config.format)
        except (OSError, *DAMAGED) as error:
            failures.append(f"{source}: {describe(error)}")
            continue
        actual = hashlib.sha256(content).hexdigest()
        if actual == sha256:
            for failure in failures:
                print(f"warning: {failure}", file=sys.stderr)
            return Fetched(raw, content)
        failures.append(f"{source}: SHA-256 {actual[:12]}..., expected {sha256[:12]}...")
    raise DataError(
        f"{dataset}/{name}: all sources failed: {'; '.join(failures)}; put {remote} into "
        f"../{SHARED}/{dataset}/, or set $DATASETS_MIRROR to a folder or URL that has {dataset}/"
    )


def list_sources(dataset: str, urls: Sequence[str]) -> Iterator[str]:
    """Yield the base addresses to try, in order."""
    if mirror := os.environ.get("DATASETS_MIRROR"):
        yield f"{mirror.rstrip('/')}/{dataset}"
    if shared := find_shared():
        yield str(shared / dataset)
    yield from urls


def find_shared() -> Path | None:
    """Return the shared folder next to the project or to one of its parent folders, if any.

    `dvc exp run --temp` runs in a copy of the project in .dvc/tmp, which is deeper.
    """
    for folder in Path.cwd().parents:
        if (folder / SHARED).is_dir():
            return folder / SHARED
    return None


def remote_name(name: str, format_: str) -> str:
    """Return the name that the file `name` has at the sources."""
    return {"gzip": f"{name}.gz", "imdb_reviews": IMDB_ARCHIVE}.get(format_, name)


def fetch(source: str) -> bytes:
    """Read a file of a folder, or download it with a progress bar and retries.

    Args:
        source: Path, in which `~` is the home folder, or URL (http, https, file).

    Raises:
        OSError: If the file is not available.
        ValueError: If the file is too large.
    """
    if source.startswith("file://"):
        return read(Path(unquote(urlsplit(source).path)))
    if not source.startswith(("http://", "https://")):
        return read(Path(source).expanduser())
    import pooch

    base, name = source.rsplit("/", 1)
    pooch.get_logger().setLevel(logging.WARNING)
    print(f"downloading {source}")
    with tempfile.TemporaryDirectory() as folder:
        fetcher = pooch.create(folder, f"{base}/", registry={name: None}, retry_if_failed=2)
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=30)
        return read(Path(fetcher.fetch(name, downloader=downloader)))


def read(path: Path) -> bytes:
    """Read a file of at most MAX_BYTES."""
    with path.open("rb") as file:
        return read_limited(file)


def read_limited(stream: BinaryIO | gzip.GzipFile) -> bytes:
    """Read a stream of at most MAX_BYTES.

    Raises:
        ValueError: If the stream is longer.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


def describe(error: BaseException) -> str:
    """Return a short error message: no traces of HTTP libraries, no repeated file names."""
    response = getattr(error, "response", None)  # of requests.HTTPError
    if response is not None:
        return f"HTTP status {response.status_code}"
    if type(error).__module__.startswith("requests."):
        return {"ConnectTimeout": "timed out", "ReadTimeout": "timed out"}.get(
            type(error).__name__, "cannot connect"
        )
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def unpack(container: bytes, format_: str) -> bytes:
    """Return the content to verify.

    Args:
        container: Bytes as served.
        format_: binary (unmodified), text (line endings become LF), gzip (decompressed) or
            imdb_reviews (see `read_reviews`).

    Raises:
        OSError: If the container is not a gzip file.
        EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError: If it is damaged.
    """
    if format_ == "binary":
        return container
    if format_ == "text":
        return container.replace(b"\r\n", b"\n")
    with gzip.open(io.BytesIO(container)) as stream:
        return read_reviews(stream) if format_ == "imdb_reviews" else read_limited(stream)


class LimitedStream(io.RawIOBase):
    """A stream that raises ValueError after `max_bytes`, whatever its headers declare."""

    def __init__(self, stream: gzip.GzipFile, max_bytes: int) -> None:
        super().__init__()
        self.stream = stream
        self.max_bytes = self.left = max_bytes

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"more than {self.max_bytes} bytes when decompressed")
        return content


class LimitedMember(tarfile.TarInfo):
    """An archive member, or a header such as a long name, of at most MAX_MEMBER bytes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header block and check its declared size before anything more is read."""
        member = super().frombuf(buf, encoding, errors)
        if member.size > MAX_MEMBER:
            raise ValueError(f"a member of {member.size} bytes, expected at most {MAX_MEMBER}")
        return member


def read_reviews(stream: gzip.GzipFile) -> bytes:
    """Read the labeled reviews of the IMDB archive in sorted order, each as path, NUL, text, NUL.

    Nothing is extracted to disk, so no member can be written outside the archive's folder. Unsafe
    paths are rejected all the same: the original archive has none.

    Raises:
        ValueError: If a path leaves the archive's folder, or the archive is larger than expected.
    """
    reviews = {}
    limited = LimitedStream(stream, MAX_ARCHIVE)
    with tarfile.open(fileobj=limited, mode="r|", tarinfo=LimitedMember) as archive:
        for member in tqdm(archive, "reading reviews", unit=" files", mininterval=1):
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"unsafe path {member.name!r} in the archive")
            file = archive.extractfile(member) if is_review(path) else None
            if file:
                reviews[str(path.relative_to("aclImdb"))] = file.read()
    return b"".join(f"{path}\0".encode() + reviews[path] + b"\0" for path in sorted(reviews))


def is_review(path: PurePosixPath) -> bool:
    """Return whether a member of the archive is a labeled review."""
    return any(
        path.match(f"aclImdb/{split}/{label}/*.txt")
        for split in ("train", "test")
        for label in ("pos", "neg")
    )


if __name__ == "__main__":
    run(main, "dataset")
