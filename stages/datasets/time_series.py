"""A time series in a text file: windows of past values, and the values that follow them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from stages.core.errors import DataError
from stages.core.splits import SPLITS, Split
from stages.datasets.common import Prepared, check_counts, read_bytes, summarize
from stages.plots.colors import TEST, TRAINING, VALIDATION

if TYPE_CHECKING:
    from stages.config.schema import TimeSeries, TimeSeriesPreprocess

MAX_BYTES = 100_000_000
COLORS = {"train": TRAINING, "validation": VALIDATION, "test": TEST}


def prepare(source: Path, config: "TimeSeries") -> Prepared:
    """Read the series `source`, and split its windows in the order of time.

    Raises:
        DataError: If a line is not a number, or a part of the series is shorter than a window.
    """
    options = config.preprocess
    values = read_series(source)
    series = average(values[options.first : options.last], options.averaged)
    ends = split_ends(len(series), options)
    train = series[: ends[0]]
    mean, std = float(train.mean(dtype=np.float64)), float(train.std(dtype=np.float64))
    if not std > 0:
        raise DataError(f"{source}: expected training values that differ, found only {mean:g}")
    return Prepared(
        splits=split_windows(series, ends, options),
        info={
            "classes": [],
            "positive_class": None,
            "input": {
                "type": "time_series",
                "length": options.input_length,
                "interval": options.averaged * options.interval,
                "time_unit": options.time_unit,
                "unit": options.unit,
                "mean": mean,
                "std": std,
            },
        },
        report={
            "counts": check_counts({"values": len(values)}, config.expected),
            "steps": len(series),
            "series": summarize(series),
        },
        figures={"series": draw(series, ends, options)},
    )


def read_series(path: Path) -> np.ndarray:
    """Read a number per line, float32 [n]; empty lines and lines that begin with # are skipped.

    Raises:
        DataError: If the file cannot be read, or a line is not a finite number.
    """
    try:
        lines = read_bytes(path, MAX_BYTES).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    values = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                values.append(float(line))
            except ValueError:
                values.append(np.nan)
            if not np.isfinite(values[-1]):
                raise DataError(f"{path}: line {number}: expected a number, found {line[:40]!r}")
    return np.array(values, np.float32)


def average(values: np.ndarray, count: int) -> np.ndarray:
    """Average each `count` consecutive values [n]; those left over at the end are dropped."""
    steps = len(values) // count
    return values[: steps * count].reshape(steps, count).mean(axis=1, dtype=np.float32)


def split_ends(steps: int, options: "TimeSeriesPreprocess") -> list[int]:
    """Return the ends of the training and of the validation part of a series of `steps` values.

    Raises:
        DataError: If the training part is shorter than a window, or another than the horizon.
    """
    test, validation = (
        round(fraction * steps) for fraction in (options.test_fraction, options.validation_fraction)
    )
    train = steps - test - validation
    window = options.input_length + options.horizon
    if train < window or min(test, validation) < options.horizon:
        raise DataError(
            f"preprocess: expected at least {window} values for training (input_length + horizon) "
            f"and {options.horizon} for validation and test (horizon), found {train}, "
            f"{validation} and {test}"
        )
    return [train, train + validation]


def split_windows(
    series: np.ndarray, ends: list[int], options: "TimeSeriesPreprocess"
) -> dict[str, Split]:
    """Cut the series into overlapping windows, of which each split has those it has to forecast.

    The values to forecast are all in the part of the split; the past before them may begin in the
    part before it, since it is known when a forecast is made.

    Args:
        series: Values, float32 [steps].
        ends: Ends of the training and of the validation part.
        options: Lengths of past and future.

    Returns:
        Splits by name: x, past values, float32 [n, input_length]; y, float32 [n, horizon].
    """
    length, splits = options.input_length, {}
    starts = [0, ends[0] - length, ends[1] - length]
    for name, start, end in zip(SPLITS, starts, [*ends, len(series)], strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(
            series[start:end], length + options.horizon
        )
        splits[name] = Split(windows[:, :length].copy(), windows[:, length:].copy())
    return splits


def draw(series: np.ndarray, ends: list[int], options: "TimeSeriesPreprocess") -> Figure:
    """Draw the series [steps], each part in the color of its split; see `split_windows`."""
    figure = Figure(figsize=(9, 2.8))
    axes = figure.subplots()
    time = options.averaged * options.interval * np.arange(len(series))
    edges = [0, *ends, len(series)]
    for name, start, end in zip(SPLITS, edges, edges[1:], strict=False):
        label = "training" if name == "train" else name
        part = slice(start, end + 1)
        axes.plot(time[part], series[part], color=COLORS[name], linewidth=1, label=label)
    axes.set(xlabel=f"time, {options.time_unit}", ylabel=f"value, {options.unit}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=3)
    return figure
