"""What a study found, computed from its results. Pure functions over values by variant."""

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_ind

SIGNIFICANCE = 0.05  # p-value below which a difference is more than the variation over seeds
UNSTABLE = 10  # times the standard deviation of the best: p = 0.01 of an F-test with 3 seeds


class Summary(NamedTuple):
    """Results of a variant.

    Attributes:
        name: Name of the variant.
        values: Result with each seed whose training did not diverge.
        diverged: Number of seeds whose training diverged.
    """

    name: str
    values: Sequence[float]
    diverged: int

    @property
    def mean(self) -> float:
        """Mean over the seeds; NaN if all diverged."""
        return float(np.mean(self.values)) if self.values else math.nan

    @property
    def std(self) -> float:
        """Sample standard deviation over the seeds; 0 for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value of Welch's t-test.

    Args:
        first: Results of one variant.
        second: Results of another; both at least two.

    Reference:
        Welch: The generalization of "Student's" problem when several different population
        variances are involved, Biometrika 1947.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        p = float(ttest_ind(first, second, equal_var=False).pvalue)
    if math.isnan(p):  # the test is not defined without any variation
        return float(np.isclose(np.mean(first), np.mean(second)))
    return p


def is_significant(first: Summary, second: Summary) -> bool:
    """Return whether two variants differ by more than the variation over seeds explains."""
    if min(len(first.values), len(second.values)) < 2:
        return False
    return p_value(first.values, second.values) < SIGNIFICANCE


def rank(summaries: Sequence[Summary], maximize: bool) -> list[Summary]:
    """Return the variants that did not diverge with all seeds, the best first."""
    finite = [summary for summary in summaries if summary.values]
    return sorted(finite, key=lambda summary: summary.mean, reverse=maximize)


def conclude(
    summaries: Sequence[Summary], *, maximize: bool, percent: bool, reference: str | None
) -> str:
    """Return one sentence, or two, on what was found.

    Args:
        summaries: Results by variant, in the order of the study.
        maximize: Whether larger results are better.
        percent: Whether results are fractions, shown as percentages.
        reference: Name of the variant that the best is compared with; None for the second best.
    """
    ranked = rank(summaries, maximize)
    if not ranked:
        return "Training diverged with every variant."
    if len(summaries) == 1:
        return describe_spread(summaries[0], percent)
    best = ranked[0]
    others = {summary.name: summary for summary in ranked[1:]}
    compared = others.get(reference or "") or next(iter(others.values()), None)
    sentences = [compare(best, compared, percent, is_reference=best.name == reference)]
    sentences.append(describe_stability(best, ranked, percent))
    if diverged := [summary.name for summary in summaries if summary.diverged]:
        sentences.append(f"Training diverged with {join(diverged)}.")
    return " ".join(filter(None, sentences))


def describe_stability(best: Summary, others: Sequence[Summary], percent: bool) -> str:
    """Return a sentence on the variant that depends most on the seed, if it is far less stable."""
    widest = max(others, key=lambda summary: summary.std)
    if widest.std <= UNSTABLE * best.std:
        return ""
    low, high = (describe_value(f(widest.values), percent) for f in (min, max))
    return f"The seed decides most with {widest.name}: from {low} to {high}."


def describe_spread(summary: Summary, percent: bool) -> str:
    """Return a sentence on how much the seed decides, of a study with a single variant."""
    low, high = (describe_value(f(summary.values), percent) for f in (min, max))
    text = (
        f"With {len(summary.values)} seeds: {describe(summary, percent)}, from {low} to {high}. "
        "A difference of two single runs that is smaller than this range may be luck."
    )
    return f"{text} Training diverged {summary.diverged} times." if summary.diverged else text


def compare(best: Summary, other: Summary | None, percent: bool, is_reference: bool) -> str:
    """Return a sentence that compares the best variant with another."""
    text = f"{best.name} is best: {describe(best, percent)}"
    if other is None:
        return f"{text}."
    verdict = (
        "more than the variation over seeds"
        if is_significant(best, other)
        else "not more than the variation over seeds"
    )
    against = "the next, " if is_reference else ""
    return f"{text}, against {describe(other, percent)} of {against}{other.name}: {verdict}."


def describe(summary: Summary, percent: bool) -> str:
    """Return mean and standard deviation of a variant in words."""
    scale, digits = (100, 2) if percent else (1, 4)
    return f"{describe_value(summary.mean, percent)} ± {scale * summary.std:.{digits}f}"


def describe_value(value: float, percent: bool) -> str:
    """Return a result as text."""
    return f"{100 * value:.2f}%" if percent else f"{value:.4f}"


def join(names: Sequence[str]) -> str:
    """Join names with commas and `and`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def describe_trend(summaries: Sequence[Summary], *, maximize: bool) -> str:
    """Return a sentence on how the result depends on an ordered value.

    Args:
        summaries: Results by value, from the smallest value to the largest.
        maximize: Whether larger results are better.
    """
    finite = [summary for summary in summaries if summary.values]
    if len(finite) < 2:
        return ""
    best = rank(finite, maximize)[0]
    position = finite.index(best)
    smaller_is_worse, larger_is_worse = (
        any(is_significant(best, other) for other in side)
        for side in (finite[:position], finite[position + 1 :])
    )
    if not (smaller_is_worse or larger_is_worse):
        return "Over the whole range, it changes by no more than the variation over seeds."
    if smaller_is_worse and larger_is_worse:
        return f"Both smaller and larger values than {best.name} are worse."
    worse, rest = ("Smaller", "larger") if smaller_is_worse else ("Larger", "smaller")
    if position in (0, len(finite) - 1):
        return f"{worse} values are worse."
    return f"{worse} values are worse; {rest} ones do not differ significantly."
