import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages import download
from stages.config.schema import Download
from stages.core.errors import DataError

CONTENT = b"what is inside counts"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def make_config(format_: str, name: str, content: bytes, urls: list[str]) -> Download:
    files = [{"name": name, "sha256": sha256(content)}]
    return Download.model_validate({"format": format_, "urls": urls, "files": files})


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create an empty project without other sources of files."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DATASETS_MIRROR", raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the retries of pooch
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[Download], None]:
    """Download a dataset `d`."""

    def run(config: Download) -> None:
        downloads = {"d": config}
        monkeypatch.setattr(download, "load_params", lambda: SimpleNamespace(downloads=downloads))
        download.main("d")

    return run


def mirror(folder: Path, name: str, content: bytes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return str(folder)


def written(project: Path) -> list[str]:
    return sorted(str(path.relative_to(project)) for path in project.rglob("*") if path.is_file())


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


Run = Callable[[Download], None]


def test_a_gzip_is_stored_without_its_container(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f.gz", gzip.compress(CONTENT, mtime=7))
    run(make_config("gzip", "f", CONTENT, [url]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT
    assert written(project) == ["data/raw/d/f"]


def test_line_endings_of_a_text_do_not_matter(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f", b"1,2\r\n3,4\r\n")
    run(make_config("text", "f", b"1,2\n3,4\n", [url]))
    assert (project / "data/raw/d/f").read_bytes() == b"1,2\n3,4\n"


def test_a_binary_file_is_not_changed(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f", b"1\r\n")
    run(make_config("binary", "f", b"1\r\n", [url]))
    assert (project / "data/raw/d/f").read_bytes() == b"1\r\n"


def test_no_file_is_kept_unless_all_are_valid(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f", CONTENT)
    config = make_config("text", "f", CONTENT, [url])
    absent = config.files[0].model_copy(update={"name": "absent"})
    with pytest.raises(DataError, match="d/absent: all sources failed"):
        run(config.model_copy(update={"files": [*config.files, absent]}))
    assert written(project) == []


def test_reviews_are_stored_in_sorted_order_and_others_left_out(
    project: Path, run: Run, tmp_path: Path
) -> None:
    members = {
        "aclImdb/train/pos/1_9.txt": b"good",
        "aclImdb/train/unsup/3_0.txt": b"?",
        "aclImdb/README": b"read me",
        "aclImdb/test/neg/0_2.txt": b"bad",
    }
    expected = b"test/neg/0_2.txt\0bad\0train/pos/1_9.txt\0good\0"
    url = mirror(tmp_path / "m", "aclImdb_v1.tar.gz", archive(members))
    run(make_config("imdb_reviews", "reviews.nul", expected, [url]))
    assert (project / "data/raw/d/reviews.nul").read_bytes() == expected


@pytest.mark.parametrize(
    ("format_", "served", "expected"),
    [
        ("gzip", gzip.compress(CONTENT)[:-9], "Compressed file ended before"),
        ("gzip", b"<html>moved</html>", "Not a gzipped file"),
        (
            "gzip",
            gzip.compress(b"x" * len(CONTENT)),
            f"SHA-256 {sha256(b'x' * len(CONTENT))[:12]}..., expected {sha256(CONTENT)[:12]}...",
        ),
        (
            "imdb_reviews",
            archive({"aclImdb/../../etc/passwd": b"x"}),
            "unsafe path 'aclImdb/../../etc",
        ),
        ("imdb_reviews", archive({"/etc/passwd": b"x"}), "unsafe path '/etc/passwd'"),
        ("imdb_reviews", archive({"aclImdb/train/pos/1_9.txt": b"x" * 9})[:-40], "ended before"),
        ("imdb_reviews", gzip.compress(b"not a tar"), ""),
    ],
)
def test_a_damaged_file_is_named_once_and_nothing_is_written(
    project: Path,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    format_: str,
    served: bytes,
    expected: str,
) -> None:
    name = {"gzip": "f.gz", "imdb_reviews": "aclImdb_v1.tar.gz"}[format_]
    url = mirror(tmp_path / "m", name, served)
    with pytest.raises(DataError) as caught:
        run(make_config(format_, "f", CONTENT, [url]))
    assert str(caught.value).startswith(f"d/f: all sources failed: {url}/{name}: ")
    assert expected in str(caught.value)
    assert "../shared/datasets/d/, or set $DATASETS_MIRROR to a folder or URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "warning" not in capsys.readouterr().err
    assert written(project) == []


def long_name(size: int) -> bytes:
    """Create an archive whose member has a GNU long name of `size` bytes."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, size
    return gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"a" * size)


def pax_headers(size: int, number: int) -> bytes:
    """Create an archive that starts with `number` pax headers of `size` bytes."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, size
    return gzip.compress((header.tobuf(tarfile.GNU_FORMAT) + bytes(size + -size % 512)) * number)


BOMBS = {
    "long name": (long_name(3000), "a member of 3000 bytes, expected at most 2000"),
    "pax header": (pax_headers(3000, 1), "a member of 3000 bytes, expected at most 2000"),
    "member": (
        archive({"aclImdb/b": bytes(2001)}),
        "a member of 2001 bytes, expected at most 2000",
    ),
    "many members": (
        archive({f"aclImdb/{number}": bytes(1500) for number in range(9)}),
        "more than 10240 bytes when decompressed",
    ),
    "many pax headers": (pax_headers(0, 100), "more than 10240 bytes when decompressed"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_archive_bomb_is_rejected(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str
) -> None:
    monkeypatch.setattr(download, "MAX_MEMBER", 2000)
    monkeypatch.setattr(download, "MAX_ARCHIVE", 10_240)
    content, expected = BOMBS[bomb]
    url = mirror(tmp_path / "m", "aclImdb_v1.tar.gz", content)
    with pytest.raises(DataError, match=expected):
        run(make_config("imdb_reviews", "f", CONTENT, [url]))
    assert written(project) == []


def test_endless_nested_headers_are_rejected(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "aclImdb_v1.tar.gz", pax_headers(0, 20_000))
    with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz: ") as caught:
        run(make_config("imdb_reviews", "f", CONTENT, [url]))
    assert "\n" not in str(caught.value)
    assert written(project) == []


@pytest.mark.parametrize("served", [gzip.compress(bytes(1001)), bytes(1001)])
def test_a_file_that_is_too_large_is_rejected(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: bytes
) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    url = mirror(tmp_path / "m", "f.gz", served)
    with pytest.raises(DataError, match=r"f\.gz: more than 1000 bytes"):
        run(make_config("gzip", "f", CONTENT, [url]))
    assert written(project) == []


def test_the_next_source_is_tried_after_an_invalid_one(
    project: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = mirror(tmp_path / "wrong", "f", b"something else")
    right = mirror(tmp_path / "right", "f", CONTENT)
    run(make_config("text", "f", CONTENT, [wrong, str(tmp_path / "absent"), right]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT
    warnings = capsys.readouterr().err
    assert f"warning: {wrong}/f: SHA-256" in warnings
    assert f"warning: {tmp_path / 'absent'}/f: No such file or directory" in warnings


def test_the_mirror_of_the_environment_comes_first_and_the_shared_folder_second(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(download.list_sources("d", ["https://public"])) == ["https://public"]
    (project.parent / "shared/datasets").mkdir(parents=True)
    monkeypatch.setenv("DATASETS_MIRROR", "https://mirror/")
    expected = ["https://mirror/d", f"{project.parent}/shared/datasets/d", "https://public"]
    assert list(download.list_sources("d", ["https://public"])) == expected
    temporary = project / ".dvc/tmp/exps/standalone/tmp1"  # of `dvc exp run --temp`
    temporary.mkdir(parents=True)
    monkeypatch.chdir(temporary)
    assert list(download.list_sources("d", ["https://public"])) == expected


@pytest.mark.parametrize("prefix", ["~", "file://{home}", "{home}"])
def test_a_mirror_may_be_a_home_folder_or_a_file_url(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    home = tmp_path / "home of x"
    mirror(home / "m/d", "f", CONTENT)
    monkeypatch.setenv("HOME", str(home))
    address = str(home).replace(" ", "%20") if prefix.startswith("file") else str(home)
    monkeypatch.setenv("DATASETS_MIRROR", prefix.format(home=address) + "/m/")
    run(make_config("text", "f", CONTENT, ["http://localhost:9"]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT


def test_all_unreachable_sources_are_named(project: Path, run: Run) -> None:
    urls = ["http://localhost:9/a/", "http://localhost:9/b/"]
    with pytest.raises(DataError) as caught:
        run(make_config("text", "f", CONTENT, urls))
    assert "http://localhost:9/a/f: cannot connect; " in str(caught.value)
    assert "http://localhost:9/b/f: cannot connect; " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert written(project) == []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Run a web server; yields its address, its folder and the list of its requests."""
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            requests.append(format % args)

    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", folder, requests
        httpd.shutdown()


def test_a_url_is_downloaded(project: Path, run: Run, server: tuple[str, Path, list[str]]) -> None:
    url, folder, _ = server
    mirror(folder, "f.gz", gzip.compress(CONTENT))
    run(make_config("gzip", "f", CONTENT, [url]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT


def test_a_failing_url_is_retried(
    project: Path, run: Run, server: tuple[str, Path, list[str]]
) -> None:
    url, _, requests = server
    with pytest.raises(
        DataError, match=r"absent\.gz: HTTP status 404; put absent\.gz into \.\./shared"
    ):
        run(make_config("gzip", "absent", CONTENT, [url]))
    assert len([line for line in requests if "GET" in line]) == 3
    assert written(project) == []


def test_a_full_disk_leaves_nothing_and_the_next_run_recovers(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config("text", "f", CONTENT, [mirror(tmp_path / "m", "f", CONTENT)])

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:5])
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run(config)
    assert written(project) == []
    run(config)
    assert written(project) == ["data/raw/d/f"]


def test_partial_output_of_a_killed_run_is_removed_by_the_next(
    project: Path, run: Run, tmp_path: Path
) -> None:
    partial_folder = project / "data/raw/.partial-d"
    partial_folder.mkdir(parents=True)
    (partial_folder / "half").write_bytes(b"half")
    run(make_config("text", "f", CONTENT, [mirror(tmp_path / "m", "f", CONTENT)]))
    assert written(project) == ["data/raw/d/f"]
    assert [path.name for path in (project / "data/raw").iterdir()] == ["d"]
