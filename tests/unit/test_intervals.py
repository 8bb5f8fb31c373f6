import pytest

from stages.page.intervals import Interval, choose_intervals, find_intervals, seed_range, wilson


@pytest.mark.parametrize(
    ("accuracy", "number", "low", "high"),
    [
        (0.95, 10_000, 0.94555, 0.95410),  # Newcombe 1998, method 3
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (1.0, 200, 0.98116, 1.0),
        (0.0, 20, 0.0, 0.1611),
        (1.0, 1, 0.2065, 1.0),
    ],
)
def test_wilson_intervals(accuracy: float, number: int, low: float, high: float) -> None:
    interval = wilson(accuracy, number)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=6e-5)
    assert interval.kind == f"95% Wilson interval, {number:,} test examples"


def test_rounding_does_not_lose_a_correct_example() -> None:
    assert 0.29 * 100 < 29
    assert wilson(0.29, 100) == wilson(0.291, 100) != wilson(0.28, 100)


def test_the_range_of_seeds() -> None:
    assert seed_range([0.3, 0.1, 0.2]) == Interval(0.1, 0.3, "range of 3 seeds")


@pytest.mark.parametrize(
    ("metric", "metrics", "seeds", "number", "kinds"),
    [
        ("test.accuracy", {}, [], 10, ["Wilson"]),
        ("test.accuracy", {}, [], None, []),
        ("test.accuracy", {}, [0.5], 10, ["seeds", "Wilson"]),
        ("cv.accuracy", {"cv.accuracy_std": 0.1}, [], 10, ["folds"]),
        ("cv.accuracy", {"cv.accuracy_std": 0.1}, [0.5], 10, ["seeds", "folds"]),
        ("cv.roc_auc", {"cv.accuracy_std": 0.1}, [], 10, []),
        ("test.loss", {}, [], 10, []),
    ],
)
def test_the_intervals_of_a_metric(
    metric: str, metrics: dict[str, float], seeds: list[float], number: int, kinds: list[str]
) -> None:
    found = find_intervals(metric, metrics | {metric: 0.6}, seeds, number)
    assert len(found) == len(kinds)
    for interval, kind in zip(found, kinds, strict=True):
        assert kind in interval.kind
        assert interval.low <= 0.6 <= interval.high
    if "folds" in kinds:
        folds = found[kinds.index("folds")]
        assert (folds.low, folds.high) == pytest.approx((0.5, 0.7))


def test_the_table_has_the_wilson_interval_only_if_nothing_was_measured() -> None:
    seeds, estimated = seed_range([0.1, 0.2]), wilson(0.5, 10)
    assert choose_intervals([seeds, estimated]) == [seeds]
    assert choose_intervals([estimated]) == [estimated]
    assert choose_intervals([]) == []
