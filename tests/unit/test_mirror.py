import gzip
import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages import download, mirror
from stages.config.schema import Download
from stages.core.errors import DataError

CONTENT = b"what is inside counts"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    """Create the download config of a dataset `d` with one compressed file."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.delenv("DATASETS_MIRROR", raising=False)
    files = [{"name": "f", "sha256": hashlib.sha256(CONTENT).hexdigest()}]
    urls = [f"{tmp_path}/damaged", f"{tmp_path}/source/"]
    config = Download.model_validate({"format": "gzip", "urls": urls, "files": files})
    for module in (download, mirror):
        monkeypatch.setattr(module, "load_params", lambda: SimpleNamespace(downloads={"d": config}))
    return config


def serve(folder: Path, content: bytes) -> bytes:
    folder.mkdir()
    (folder / "f.gz").write_bytes(gzip.compress(content, mtime=7))
    return (folder / "f.gz").read_bytes()


def fill(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["mirror", str(folder)])
    mirror.main()


@pytest.mark.usefixtures("config")
def test_the_pipeline_can_download_from_a_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(tmp_path / "damaged", b"something else")
    raw = serve(tmp_path / "source", CONTENT)
    fill(monkeypatch, tmp_path / "mirror")
    assert (tmp_path / "mirror/d/f.gz").read_bytes() == raw

    for source in ("damaged", "source"):
        (tmp_path / source / "f.gz").unlink()
    fill(monkeypatch, tmp_path / "mirror")  # has all it needs
    monkeypatch.setenv("DATASETS_MIRROR", str(tmp_path / "mirror"))
    download.main("d")
    assert Path("data/raw/d/f").read_bytes() == CONTENT


@pytest.mark.usefixtures("config")
def test_a_file_that_no_source_has_is_named_and_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(tmp_path / "damaged", b"something else")
    with pytest.raises(DataError, match=r"^d/f: all sources failed: .*SHA-256.*; .*No such file"):
        fill(monkeypatch, tmp_path / "mirror")
    assert not list((tmp_path / "mirror").rglob("*.gz"))
