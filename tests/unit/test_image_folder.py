import json
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages import preprocess
from stages.config.schema import ImageFolder, ImageFolderPreprocess
from stages.core.errors import DataError
from stages.core.files import read_json
from stages.core.splits import SPLITS, load_split
from stages.datasets import image_folder
from stages.encoding.image import encode_image
from tests.unit.image_files import BAD, KINDS, encode

OPTIONS: dict[str, Any] = {
    "validation_fraction": 0.075, "test_fraction": 0.25, "seed": 1, "max_examples": None,
    "center_crop": None, "crop_fraction": 1.0, "image_shape": [8, 8, 3],
}  # fmt: skip


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, in whose data/processed temporary files are written."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def make_config(expected: dict[str, float] | None = None, **options: Any) -> ImageFolder:
    return ImageFolder(
        source="unused",
        expected=expected or {},
        module="image_folder",
        preprocess=ImageFolderPreprocess(**(OPTIONS | options)),
    )


def fill(folder: Path, number: int = 70) -> Path:
    """A folder of images of one color each: red and green are the number of the image."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        color = (index % 256, index // 256, 100)
        Image.new("RGB", (50, 40), color).save(folder / f"{index:04}.png")
    return folder


def numbers(x: np.ndarray) -> list[int]:
    """The numbers of images [n, height, width, 3] of `fill`."""
    first = x[:, 0, 0].astype(int)
    assert (x == x[:, :1, :1]).all()
    return (first[:, 0] + 256 * first[:, 1]).tolist()


def test_each_image_is_in_one_split(tmp_path: Path) -> None:
    source = fill(tmp_path / "own", 300)
    prepared = image_folder.prepare(source, make_config())
    assert [len(prepared.splits[name].y) for name in SPLITS] == [202, 23, 75]
    found = {name: numbers(prepared.splits[name].x) for name in SPLITS}
    assert sorted(found["train"] + found["validation"] + found["test"]) == list(range(300))
    assert all(found[name] == sorted(found[name]) for name in SPLITS)
    assert all(split.x.dtype == split.y.dtype == np.uint8 for split in prepared.splits.values())
    assert not any(split.y.any() for split in prepared.splits.values())
    again = image_folder.prepare(source, make_config())
    other = image_folder.prepare(source, make_config(seed=2))
    assert numbers(again.splits["test"].x) == found["test"]
    assert numbers(other.splits["test"].x) != found["test"]


def test_what_preprocess_writes_is_read_back(project: Path, tmp_path: Path) -> None:
    prepared = image_folder.prepare(fill(tmp_path / "own"), make_config({"images": 70}))
    preprocess.write_splits(Path("data/processed/garments"), prepared, {"any": 1})
    for name in SPLITS:
        split = load_split("garments", name, mmap=name == "train")
        assert (split.x == prepared.splits[name].x).all()
        assert split.x.shape == (len(split.y), 8, 8, 3)
    written = sorted(str(path.relative_to(project)) for path in project.rglob("*.*"))
    arrays = [f"data/processed/garments/{name}/{x}.npy" for name in sorted(SPLITS) for x in "xy"]
    assert written == ["data/processed/garments/info.json", *arrays]
    info = read_json(Path("data/processed/garments/info.json"))
    assert info == {
        "classes": ["image"],
        "positive_class": None,
        "input": {"type": "image", "center_crop": None, "crop_fraction": 1.0, "shape": [8, 8, 3]},
        "splits": {"any": 1},
    }


def test_info_says_how_to_encode_another_image(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for index in range(64):
        Image.fromarray(noise.integers(0, 256, (50, 70, 3), np.uint8)).save(
            tmp_path / f"{index:02}.png"
        )
    config = make_config(image_shape=[12, 16, 1], center_crop=[48, 60], crop_fraction=0.7)
    prepared = image_folder.prepare(tmp_path, config)
    assert prepared.splits["test"].x.shape == (16, 12, 16)  # grayscale: no channel axis
    encoding = json.loads(json.dumps(prepared.info["input"]))
    files = [encode_image(path.read_bytes(), encoding) for path in sorted(tmp_path.glob("*.png"))]
    images = np.concatenate([prepared.splits[name].x for name in SPLITS])
    assert {image.tobytes() for image in files} == {image.tobytes() for image in images}


def test_memory_stays_flat_when_the_folder_grows_tenfold(tmp_path: Path) -> None:
    def peak(number: int) -> int:
        source = fill(tmp_path / str(number), number)
        tracemalloc.start()
        prepared = image_folder.prepare(source, make_config(image_shape=[32, 32, 3]))
        preprocess.write_splits(Path("data/processed") / str(number), prepared, {})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(64)  # imports and caches
    small, large = peak(64), peak(640)
    assert large - small < 576 * 32 * 32 * 3 / 2  # bytes of the images more


def test_decoded_images_are_stored_next_to_the_processed_data_and_not_in_a_folder_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    prepared = image_folder.prepare(fill(tmp_path / "own"), make_config())
    assert prepared.report["images_used"] == 70


def test_max_examples_takes_images_from_the_whole_folder(tmp_path: Path) -> None:
    fill(tmp_path, 300)
    prepared = image_folder.prepare(tmp_path, make_config(max_examples=100))
    found = [number for split in prepared.splits.values() for number in numbers(split.x)]
    assert len(set(found)) == prepared.report["images_used"] == 100
    assert max(found) > 200
    other = image_folder.prepare(tmp_path, make_config(max_examples=100, seed=2))
    assert set(found) != {n for split in other.splits.values() for n in numbers(split.x)}
    assert prepared.report["counts"] == {"images": {"found": 300, "expected": None}}


def test_all_kinds_in_one_folder_are_counted(tmp_path: Path) -> None:
    for index, (make, _, _) in enumerate(KINDS.values()):
        for copy in range(4):
            path = tmp_path / f"deeper/{copy}/{index}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make())
    wide = encode(Image.new("RGB", (300, 200)), "PNG")
    (tmp_path / "wide.png").write_bytes(wide)
    prepared = image_folder.prepare(tmp_path, make_config())
    assert sum(prepared.report["formats"].values()) == 4 * len(KINDS) + 1
    assert prepared.report["formats"]["GIF"] == 4
    assert prepared.report["modes"]["CMYK"] == 8
    assert prepared.report["height"]["max"] == 200
    assert prepared.report["width"]["max"] == 300
    assert set(prepared.figures) == {"samples", "sizes"}
    assert "height" in prepared.figures["sizes"].axes[0].get_xlabel()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    content, expected = BAD[name]
    (fill(tmp_path / "own") / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        image_folder.prepare(tmp_path / "own", make_config(image_shape=[32, 32, 3]))
    assert str(error.value).startswith(f"{tmp_path / 'own' / name}: {expected}")
    assert str(error.value).endswith("; remove or replace such files")
    assert " more of " not in str(error.value)
    assert "\n" not in str(error.value)


def test_the_first_bad_file_is_named_and_the_others_are_counted(tmp_path: Path) -> None:
    source = fill(tmp_path / "own")
    for name, (content, _) in BAD.items():
        (source / name).write_bytes(content)
    (source / "link.png").symlink_to(source / "nowhere.png")
    with pytest.raises(DataError) as error:
        image_folder.prepare(source, make_config(image_shape=[32, 32, 3]))
    assert str(error.value).startswith(f"{source / 'cut.gif'}: damaged")
    assert f"(and {len(BAD)} more of {70 + len(BAD) + 1} files)" in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = fill(tmp_path / "own")
    (source / "link.png").symlink_to(source / "nowhere.png")
    with pytest.raises(DataError, match=r"link\.png: cannot be read: No such file"):
        image_folder.prepare(source, make_config())


def test_hidden_and_ignored_files_are_skipped(tmp_path: Path) -> None:
    fill(tmp_path)
    for name in (".DS_Store", "Thumbs.db", "deeper/desktop.ini", ".git/config", "deeper/._a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"no image")
    assert len(image_folder.find_files(tmp_path)) == 70


def test_an_empty_a_missing_and_no_folder_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.DS_Store").touch()
    for name, expected in (
        ("a file", "not a folder; `source` must name a folder of images"),
        ("missing", "no such folder; `source` must name a folder of images"),
        ("empty", "no images in it, expected at least 64"),
    ):
        with pytest.raises(DataError) as error:
            image_folder.prepare(tmp_path / name, make_config())
        assert str(error.value) == f"{tmp_path / name}: {expected}"


def test_too_few_images_are_rejected(tmp_path: Path) -> None:
    source = fill(tmp_path / "own", 63)
    with pytest.raises(DataError, match="expected at least 64 images, found 63"):
        image_folder.prepare(source, make_config())
    fill(source, 64)
    image_folder.prepare(source, make_config())
    with pytest.raises(DataError, match="expected at least 64 images, found 20"):
        image_folder.prepare(source, make_config(max_examples=20))


def test_a_crop_larger_than_an_image_is_rejected(tmp_path: Path) -> None:
    fill(tmp_path / "own")
    with pytest.raises(
        DataError, match=r"0000.png: 40x50 pixels, center_crop needs 41x40 \(and 69 more of 70"
    ):
        image_folder.prepare(tmp_path / "own", make_config(center_crop=[41, 40]))


def test_an_unexpected_number_of_images_is_rejected(tmp_path: Path) -> None:
    fill(tmp_path / "own")
    with pytest.raises(DataError, match=r"expected.images: expected 71, found 70"):
        image_folder.prepare(tmp_path / "own", make_config({"images": 71}))
