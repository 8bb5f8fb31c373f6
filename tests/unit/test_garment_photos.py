from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import garment_photos
from stages.config.schema import GarmentPhotos
from stages.encoding.image import load_image

CONFIG = GarmentPhotos(num_images=12, side=48, quality=92, seed=1)
GARMENTS = np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)


def test_photos_are_decided_by_the_seed(tmp_path: Path) -> None:
    def write(name: str, config: GarmentPhotos) -> dict[str, bytes]:
        garment_photos.write_photos(GARMENTS, config, tmp_path / name)
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    first = write("first", CONFIG)
    assert sorted(first) == [f"garment_{number:06}.jpg" for number in range(12)]
    assert first == write("again", CONFIG)
    assert first != write("other", CONFIG.model_copy(update={"seed": 2}))
    assert all(load_image(content).size == (48, 48) for content in first.values())


def test_a_garment_has_one_color_on_a_pale_background() -> None:
    garment = np.zeros((28, 28), np.uint8)
    garment[4:24, 4:24] = 255
    photo = garment_photos.draw_photo(garment, 48, np.random.default_rng(0))
    assert photo.shape == (48, 48, 3)
    center, corners = photo[20:28, 20:28].reshape(-1, 3), photo[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.ptp(center.astype(int), axis=0).max() <= 2
    assert corners.min() > 130
    assert np.ptp(center[0].astype(int)) > np.ptp(corners.astype(int), axis=1).max()


def test_photos_are_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "garments"
    garment_photos.write_photos(GARMENTS, CONFIG, target)
    before = sorted(path.name for path in target.iterdir())
    calls = iter(range(5))

    def fail_later(*arguments: Any) -> np.ndarray:
        if next(calls) == 4:
            raise OSError("disk full")
        return draw_photo(*arguments)

    draw_photo = garment_photos.draw_photo
    monkeypatch.setattr(garment_photos, "draw_photo", fail_later)
    with pytest.raises(OSError, match="disk full"):
        garment_photos.write_photos(GARMENTS, CONFIG, target)
    assert sorted(path.name for path in target.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["garments"]
