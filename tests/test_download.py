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

from stages import download, params
from stages.errors import UserError

CONTENT = b"what is inside counts"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def block(packing: str, name: str, content: bytes, urls: list[str]) -> params.Download:
    return params.Download.model_validate(
        {"packing": packing, "urls": urls, "files": {name: sha256(content)}}
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project; nothing outside it is asked for a file."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DATASETS_MIRROR", raising=False)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[[params.Download], None]:
    """Download a data set `d` that is described by a block."""

    def run(described: params.Download) -> None:
        downloads = {"d": described}
        monkeypatch.setattr(params, "load", lambda: SimpleNamespace(downloads=downloads))
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


Run = Callable[[params.Download], None]


def test_a_gzip_is_stored_without_its_container(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f.gz", gzip.compress(CONTENT, mtime=7))
    run(block("gzip", "f", CONTENT, [url]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT
    assert written(project) == ["data/raw/d/f"]


def test_line_ends_do_not_matter_in_a_text(project: Path, run: Run, tmp_path: Path) -> None:
    url = mirror(tmp_path / "m", "f", b"1,2\r\n3,4\r\n")
    run(block("text", "f", b"1,2\n3,4\n", [url]))
    assert (project / "data/raw/d/f").read_bytes() == b"1,2\n3,4\n"


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
    run(block("reviews", "reviews.nul", expected, [url]))
    assert (project / "data/raw/d/reviews.nul").read_bytes() == expected


@pytest.mark.parametrize(
    ("packing", "served", "expected"),
    [
        ("gzip", gzip.compress(CONTENT)[:-9], "Compressed file ended before"),
        ("gzip", b"<html>moved</html>", "Not a gzipped file"),
        (
            "gzip",
            gzip.compress(b"x" * len(CONTENT)),
            f"expected sha256 {sha256(CONTENT)} of f, found {sha256(b'x' * len(CONTENT))}",
        ),
        ("reviews", archive({"aclImdb/../../etc/passwd": b"x"}), "unsafe path 'aclImdb/../../etc"),
        ("reviews", archive({"/etc/passwd": b"x"}), "unsafe path '/etc/passwd'"),
        ("reviews", archive({"aclImdb/train/pos/1_9.txt": b"x" * 9})[:-40], "ended before"),
        ("reviews", gzip.compress(b"not a tar"), ""),
    ],
)
def test_damage_is_named_and_nothing_is_written(
    project: Path, run: Run, tmp_path: Path, packing: str, served: bytes, expected: str
) -> None:
    name = {"gzip": "f.gz", "reviews": "aclImdb_v1.tar.gz"}[packing]
    url = mirror(tmp_path / "m", name, served)
    with pytest.raises(UserError) as caught:
        run(block(packing, "f", CONTENT, [url]))
    assert str(caught.value).startswith(f"d/f: no source has it: {url}/{name}: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert written(project) == []


@pytest.mark.parametrize("packing", ["gzip", "reviews"])
def test_a_bomb_is_refused(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    monkeypatch.setattr(download, "LARGEST", 1000)
    bombs = {"gzip": gzip.compress(bytes(1001)), "reviews": archive({"aclImdb/b": bytes(1001)})}
    name = {"gzip": "f.gz", "reviews": "aclImdb_v1.tar.gz"}[packing]
    url = mirror(tmp_path / "m", name, bombs[packing])
    with pytest.raises(UserError, match="more than 1000 bytes"):
        run(block(packing, "f", CONTENT, [url]))
    assert written(project) == []


def test_the_next_source_is_tried_after_a_wrong_one(
    project: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = mirror(tmp_path / "wrong", "f", b"something else")
    right = mirror(tmp_path / "right", "f", CONTENT)
    run(block("text", "f", CONTENT, [wrong, str(tmp_path / "absent"), right]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT
    warnings = capsys.readouterr().err
    assert f"{wrong}/f: expected sha256" in warnings
    assert f"{tmp_path / 'absent'}" in warnings


def test_the_mirror_of_the_environment_comes_first_and_the_shared_folder_second(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(download.sources("d", ["https://public"])) == ["https://public"]
    (project.parent / "shared/datasets").mkdir(parents=True)
    monkeypatch.setenv("DATASETS_MIRROR", "https://mirror/")
    expected = ["https://mirror/d", "../shared/datasets/d", "https://public"]
    assert list(download.sources("d", ["https://public"])) == expected


def test_no_source_reachable_names_them_all(project: Path, run: Run) -> None:
    urls = ["http://localhost:9/a/", "http://localhost:9/b/"]
    with pytest.raises(UserError) as caught:
        run(block("text", "f", CONTENT, urls))
    assert "http://localhost:9/a/f: " in str(caught.value)
    assert "http://localhost:9/b/f: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert written(project) == []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A web server of a folder, and the requests that it has had."""
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
    run(block("gzip", "f", CONTENT, [url]))
    assert (project / "data/raw/d/f").read_bytes() == CONTENT


def test_a_failing_url_is_tried_again_and_then_given_up(
    project: Path, run: Run, server: tuple[str, Path, list[str]]
) -> None:
    url, _, requests = server
    with pytest.raises(UserError, match="404"):
        run(block("gzip", "absent", CONTENT, [url]))
    assert len([line for line in requests if "GET" in line]) == 3
    assert written(project) == []


def test_a_full_disk_leaves_nothing_and_the_next_run_recovers(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = block("text", "f", CONTENT, [mirror(tmp_path / "m", "f", CONTENT)])

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:5])
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            run(described)
    assert written(project) == []
    run(described)
    assert written(project) == ["data/raw/d/f"]


def test_what_a_killed_run_left_is_removed_by_the_next(
    project: Path, run: Run, tmp_path: Path
) -> None:
    partial_folder = project / "data/raw/.partial-d"
    partial_folder.mkdir(parents=True)
    (partial_folder / "half").write_bytes(b"half")
    run(block("text", "f", CONTENT, [mirror(tmp_path / "m", "f", CONTENT)]))
    assert written(project) == ["data/raw/d/f"]
    assert [path.name for path in (project / "data/raw").iterdir()] == ["d"]
