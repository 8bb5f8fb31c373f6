"""Download a dataset, verify its content, and keep it in data/raw/<dataset>/.

Sources, in order: $DATASETS_MIRROR, ../shared/datasets if present, the public addresses. A mirror
is a folder or a base URL that holds <dataset>/<file>. Contents are verified by SHA-256, whatever
the source; containers differ from mirror to mirror.
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

SHARED = "shared/datasets"  # beside the project
IMDB_ARCHIVE = "aclImdb_v1.tar.gz"
MAX_BYTES = 1 << 28  # of a file: four times the largest dataset
MAX_ARCHIVE = 1 << 29  # of the decompressed archive: nearly twice that of IMDB
MAX_MEMBER = 1 << 26  # of a file or header in it; the largest one of IMDB has 41 MB
DAMAGED = (EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError)


def main(dataset: str) -> None:
    """Fetch, verify and store all files of `dataset`; none is kept unless all are right."""
    config = get_section(load_params().downloads, dataset, "download")
    with atomic_output(RAW / dataset) as folder:
        folder.mkdir()
        for file in config.files:
            fetched = fetch_verified(dataset, file.name, file.sha256, config)
            (folder / file.name).write_bytes(fetched.content)


class Fetched(NamedTuple):
    """A file as a source serves it, for example compressed, and its verified content."""

    served: bytes
    content: bytes


def fetch_verified(dataset: str, name: str, sha256: str, config: "Download") -> Fetched:
    """A file from the first source whose content has the right hash.

    Args:
        dataset: its id.
        name: of the file.
        sha256: of its content, hexadecimal.
        config: format and public addresses.

    Raises:
        DataError: if no source has it, with what is wrong with each, and what to do.
    """
    failures = list[str]()
    remote = remote_name(name, config.format)
    for base in list_sources(dataset, config.urls):
        source = f"{base.rstrip('/')}/{remote}"
        try:
            served = fetch(source)
            content = unpack(served, config.format)
        except (OSError, *DAMAGED) as error:
            failures.append(f"{source}: {describe(error)}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == sha256:
            for failure in failures:
                print(f"warning: {failure}", file=sys.stderr)
            return Fetched(served, content)
        failures.append(f"{source}: SHA-256 {found[:12]}..., expected {sha256[:12]}...")
    raise DataError(
        f"{dataset}/{name}: no source has it: {'; '.join(failures)}; put {remote} into "
        f"../{SHARED}/{dataset}/, or set $DATASETS_MIRROR to a folder or URL that has {dataset}/"
    )


def list_sources(dataset: str, urls: Sequence[str]) -> Iterator[str]:
    """Base addresses to try, in order."""
    if mirror := os.environ.get("DATASETS_MIRROR"):
        yield f"{mirror.rstrip('/')}/{dataset}"
    if shared := find_shared():
        yield str(shared / dataset)
    yield from urls


def find_shared() -> Path | None:
    """The shared folder beside the project or beside a folder above.

    `dvc exp run --temp` runs in a copy of the project, in .dvc/tmp of the project.
    """
    for folder in Path.cwd().parents:
        if (folder / SHARED).is_dir():
            return folder / SHARED
    return None


def remote_name(name: str, format_: str) -> str:
    """The name under which sources hold `name`."""
    return {"gzip": f"{name}.gz", "imdb_reviews": IMDB_ARCHIVE}.get(format_, name)


def fetch(source: str) -> bytes:
    """Read a file of a folder, or download it with a progress bar and retries.

    Args:
        source: a path, in which `~` is the home folder, or a URL (http, https, file).

    Raises:
        OSError: if it is not available.
        ValueError: if it is too large.
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
    """The content of a file of at most MAX_BYTES."""
    with path.open("rb") as file:
        return read_limited(file)


def read_limited(stream: BinaryIO | gzip.GzipFile) -> bytes:
    """The content of a stream of at most MAX_BYTES.

    Raises:
        ValueError: if there is more.
    """
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return content


def describe(error: BaseException) -> str:
    """An error in few words: those of HTTP libraries are long, those of files name them again."""
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
    """The content whose hash counts.

    Args:
        container: as served.
        format_: binary (unmodified), text (line endings become LF), gzip (decompressed) or
            imdb_reviews (see `read_reviews`).

    Raises:
        OSError: if it is no gzip file.
        EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError: if it is damaged.
    """
    if format_ == "binary":
        return container
    if format_ == "text":
        return container.replace(b"\r\n", b"\n")
    with gzip.open(io.BytesIO(container)) as stream:
        return read_reviews(stream) if format_ == "imdb_reviews" else read_limited(stream)


class LimitedStream(io.RawIOBase):
    """A stream that ends in a ValueError after `max_bytes`, whatever its headers declare."""

    def __init__(self, stream: gzip.GzipFile, max_bytes: int) -> None:
        super().__init__()
        self.stream = stream
        self.max_bytes = self.left = max_bytes

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`."""
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"more than {self.max_bytes} bytes when decompressed")
        return content


class LimitedMember(tarfile.TarInfo):
    """A member, or a header of its own such as a long name, of at most MAX_MEMBER bytes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse a header block, before anything of the size that it declares is read."""
        member = super().frombuf(buf, encoding, errors)
        if member.size > MAX_MEMBER:
            raise ValueError(f"a member of {member.size} bytes, expected at most {MAX_MEMBER}")
        return member


def read_reviews(stream: gzip.GzipFile) -> bytes:
    """The labeled reviews of the IMDB archive in sorted order, each as path, NUL, text, NUL.

    Nothing is extracted to disk, so no member can be written outside; one that would be is
    rejected all the same, since an archive that has it is not what it claims to be.

    Raises:
        ValueError: for a path that leaves the archive's folder, or more content than expected.
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
    """Whether a member of the archive is a labeled review."""
    return any(
        path.match(f"aclImdb/{split}/{label}/*.txt")
        for split in ("train", "test")
        for label in ("pos", "neg")
    )


if __name__ == "__main__":
    run(main, "dataset")
