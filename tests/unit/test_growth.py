"""The benchmark of scaling with the data, without running it."""

import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth
from stages.config.load import parse_params, read_yaml
from stages.core.errors import UserError
from stages.core.paths import PARAMS
from stages.datasets.idx_images import MAGIC_NUMBERS, read_idx
from stages.datasets.imdb import FILE, read_reviews


@pytest.mark.parametrize(
    ("size", "expected"), [(0.5, [3, 1]), (1, [3, 1, 2, 5]), (2, [3, 1, 2, 5, 3, 1, 2, 5])]
)
def test_images_are_scaled_to_the_given_size(
    tmp_path: Path, size: float, expected: list[int]
) -> None:
    labels = np.array([3, 1, 2, 5], np.uint8)
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    for name, array in (("train-labels", labels), ("train-images", images)):
        header = struct.pack(f">{1 + array.ndim}I", MAGIC_NUMBERS[array.ndim], *array.shape)
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(header + array.tobytes())
    growth.scale_images(tmp_path / "in", tmp_path / "out", size)
    assert read_idx(tmp_path / "out/train-labels", 1).tolist() == expected
    scaled = read_idx(tmp_path / "out/train-images", 3)
    assert scaled.tolist() == [images[labels.tolist().index(label)].tolist() for label in expected]


@pytest.mark.parametrize(("size", "expected"), [(0.5, "ac"), (1, "abcd"), (2, "aabbccdd")])
def test_reviews_are_of_all_classes(tmp_path: Path, size: float, expected: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / FILE).write_text("".join(f"p{c}\0{c}\r\n\0" for c in "abcd"), newline="")
    growth.scale_reviews(tmp_path / "in", tmp_path / "out", size)
    paths, texts = read_reviews(tmp_path / "out" / FILE)
    assert paths == [f"p{c}" for c in expected]
    assert texts == [f"{c}\r\n" for c in expected]


@pytest.mark.parametrize("model", growth.MODELS)
def test_one_epoch_accepts_any_number_of_examples(model: str) -> None:
    values = read_yaml(PARAMS)
    changed = growth.one_epoch(values, model)
    params = parse_params(changed, "")
    assert changed["models"][model]["training"]["epochs"] == 1
    assert params.datasets[params.models[model].dataset].expected == {}
    assert values["models"][model]["training"]["epochs"] > 1
    assert params.datasets[params.models[model].dataset].module in growth.SCALES


def test_a_failed_stage_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stages\.preprocess mnist failed; see the lines above"):
        growth.run(tmp_path, "preprocess", "mnist")  # there is no params.yaml


def test_costs_are_a_row() -> None:
    costs = (growth.Cost(1.25, 300.4), growth.Cost(20, 1000))
    assert growth.as_row("m", 0.25, costs) == "| m | 0.25 | 1.2 | 300 | 20.0 | 1000 |"
