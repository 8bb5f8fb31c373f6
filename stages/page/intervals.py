"""Intervals of a result: over seeds, over folds, or of an accuracy on the test set."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy.stats import binomtest

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An interval of a result.

    Attributes:
        low: Lower limit.
        high: Upper limit.
        kind: What it spans, in words.
        estimated: True if it is estimated from a single result, False if measured.
    """

    low: float
    high: float
    kind: str
    estimated: bool = False


def find_intervals(
    metric: str,
    metrics: Mapping[str, float],
    seed_results: Sequence[float],
    num_examples: int | None,
) -> list[Interval]:
    """Return the intervals of a model's main metric: first seeds, then folds, then test examples.

    Args:
        metric: Name of the main metric.
        metrics: Flat metrics of the model.
        seed_results: Main metric of training runs with other seeds.
        num_examples: Number of test examples, None if unknown.
    """
    value, std = metrics[metric], metrics.get(f"{metric}_std")
    found = []
    if seed_results:
        found.append(seed_range([value, *seed_results]))
    if std is not None:
        found.append(Interval(value - std, value + std, "mean ± standard deviation over folds"))
    if metric == "test.accuracy" and num_examples:
        found.append(wilson(value, num_examples))
    return found


def choose_intervals(intervals: Sequence[Interval]) -> list[Interval]:
    """Return the intervals for the results table: measured ones, otherwise the estimated one."""
    measured = [interval for interval in intervals if not interval.estimated]
    return measured or list(intervals)


def seed_range(results: Sequence[float]) -> Interval:
    """Return the range of results with different seeds."""
    return Interval(min(results), max(results), f"range of {len(results)} seeds")


def wilson(accuracy: float, num_examples: int) -> Interval:
    """Return the Wilson score interval of an accuracy, as the fraction of correct examples.

    It accounts for the choice of the test examples, not for that of the seed.

    Reference:
        Wilson: Probable inference, the law of succession, and statistical inference. JASA, 1927.
    """
    test = binomtest(round(accuracy * num_examples), num_examples)
    limits = test.proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    kind = f"{CONFIDENCE:.0%} Wilson interval, {num_examples:,} test examples"
    return Interval(float(limits.low), float(limits.high), kind, estimated=True)


def difference_of_accuracies(first: float, second: float, num_examples: int) -> Interval:
    """Return the interval of the difference of two accuracies on test sets of the same size.

    It treats the errors as independent. On the same examples they are positively correlated, so
    that the interval is rather too wide.

    Reference:
        Newcombe: Interval estimation for the difference between independent proportions, Statistics
        in Medicine 17, 1998, method 10.
    """
    one, other = wilson(first, num_examples), wilson(second, num_examples)
    low = first - second - math.hypot(first - one.low, other.high - second)
    high = first - second + math.hypot(one.high - first, second - other.low)
    return Interval(low, high, f"{CONFIDENCE:.0%} interval, {num_examples:,} test examples", True)
