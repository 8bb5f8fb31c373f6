from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.config.schema import TimeSeries
from stages.core.errors import DataError
from stages.core.splits import SPLITS
from stages.datasets import time_series
from stages.datasets.duplicates import find_duplicates

OPTIONS: dict[str, Any] = {
    "first": 10, "last": 210, "averaged": 2, "interval": 0.5, "time_unit": "s", "unit": "V",
    "input_length": 8, "horizon": 3, "test_fraction": 0.2, "validation_fraction": 0.1,
}  # fmt: skip
NUMBERS = "# a comment\n" + "\n".join(str(number) for number in range(300)) + "\n\n"


def prepare(folder: Path, text: str = NUMBERS, **changes: Any) -> Any:
    path = folder / "series.txt"
    path.write_text(text)
    values = {"module": "time_series", "source": str(path), "expected": {"values": 300}}
    config = TimeSeries.model_validate(values | {"preprocess": OPTIONS | changes})
    return time_series.prepare(path, config)


def test_windows_are_consecutive_and_split_in_time(tmp_path: Path) -> None:
    prepared = prepare(tmp_path)
    series = np.arange(10, 210).reshape(-1, 2).mean(axis=1)  # of 100 steps
    ends = {"train": (0, 70), "validation": (70, 80), "test": (80, 100)}
    for name in SPLITS:
        split, (start, end) = prepared.splits[name], ends[name]
        assert split.x.dtype == split.y.dtype == np.float32
        first = start if name != "train" else OPTIONS["input_length"]
        assert len(split.y) == end - first - OPTIONS["horizon"] + 1
        for index, (past, future) in enumerate(zip(split.x, split.y, strict=True)):
            now = first + index
            assert (past == series[now - 8 : now]).all()
            assert (future == series[now : now + 3]).all()
        assert set(split.y.ravel()) == set(series[first:end])
    encoding = prepared.info["input"]
    assert encoding["mean"] == pytest.approx(series[:70].mean())
    assert encoding["std"] == pytest.approx(series[:70].std())
    assert (encoding["length"], encoding["interval"]) == (8, 1.0)
    assert find_duplicates(prepared.splits, encoding["type"]) == {}
    assert prepared.report["counts"] == {"values": {"found": 300, "expected": 300}}


def test_the_figure_shows_each_split_once(tmp_path: Path) -> None:
    (axes,) = prepare(tmp_path).figures["series"].axes
    assert [line.get_label() for line in axes.lines] == ["training", "validation", "test"]
    assert [len(line.get_xdata()) for line in axes.lines] == [71, 11, 20]


def test_everything_is_used_without_an_end(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, first=0, last=None, averaged=1)
    assert prepared.splits["train"].x[0, 0] == 0
    assert prepared.splits["test"].y[-1, -1] == 299


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("1\n2\nx 3\n", {}, "series.txt: line 3: expected a number, found 'x 3'"),
        ("1\nnan\n", {}, "line 2: expected a number, found 'nan'"),
        (NUMBERS, {"horizon": 11}, r"expected at least 19 values .* found 70, 10 and 20"),
        (NUMBERS, {"input_length": 70}, r"expected at least 73 values for training"),
        (NUMBERS, {"first": 299}, "expected at least 11 values for training"),
        ("5\n" * 300, {}, "expected training values that differ, found only 5"),
    ],
)
def test_an_unusable_series_is_rejected(
    tmp_path: Path, text: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(tmp_path, text, **changes)


def test_a_missing_or_binary_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        time_series.read_series(tmp_path / "none.txt")
    (tmp_path / "binary").write_bytes(b"1\n\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        time_series.read_series(tmp_path / "binary")
