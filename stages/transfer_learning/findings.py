"""What transfer learning gained, in sentences. Pure functions over accuracies."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stages.studies.findings import Summary, is_significant, join

ByMethod = Mapping[str, np.ndarray]  # method -> accuracies [seeds, numbers of labels]


class Difference(NamedTuple):
    """Difference of two methods.

    Attributes:
        labels: Labels per class.
        points: Difference of the mean accuracies, in percentage points, with one decimal.
        significant: Whether it is more than the variation over seeds.
    """

    labels: int
    points: float
    significant: bool


def differences(
    accuracies: ByMethod, method: str, reference: str, labels: Sequence[int]
) -> list[Difference]:
    """Compare two methods.

    Args:
        accuracies: Accuracies by method.
        method: Name of a method.
        reference: Name of the one that it is compared with.
        labels: Numbers of labels per class, ascending.
    """
    found = []
    for column, number in enumerate(labels):
        ours, theirs = (
            Summary(name, accuracies[name][:, column].tolist(), 0) for name in (method, reference)
        )
        points = round(100 * (ours.mean - theirs.mean), 1) + 0.0  # no -0.0
        found.append(Difference(number, points, is_significant(ours, theirs)))
    return found


def conclude(found: Sequence[Difference]) -> str:
    """Return a sentence on when transfer helps, from differences to training from scratch."""
    helps = [f"{each.labels:,}" for each in found if each.significant and each.points > 0]
    if not helps:
        return "Transfer never helps by more than the variation over seeds."
    if len(helps) == len(found):
        return "Transfer helps with any of these numbers of labels, by more than the seeds vary."
    return f"Transfer helps with {join(helps)} labels a class, by more than the seeds vary."


def compare(found: Sequence[Difference], method: str, reference: str) -> str:
    """Return a sentence on where a method is better or worse than another, in points.

    Args:
        found: Differences of the two methods.
        method: Name of the method.
        reference: Name of the one that it is compared with.
    """
    groups = {
        "better": [each for each in found if each.significant and each.points > 0],
        "worse": [each for each in found if each.significant and each.points <= 0],
        "no more than the variation over seeds": [each for each in found if not each.significant],
    }
    parts = [f"{name} with {describe(group)}" for name, group in groups.items() if group]
    text = f"{method} against {reference}: {'; '.join(parts)} labels a class."
    return text[:1].upper() + text[1:]


def describe(found: Sequence[Difference]) -> str:
    """Name numbers of labels, each with the difference in points."""
    return join([f"{each.labels:,} ({each.points:+.1f} points)" for each in found])


def describe_fewest(accuracies: ByMethod, labels: Sequence[int]) -> str:
    """Return a sentence on the accuracy of all methods with the fewest labels."""
    values = [
        f"{100 * float(values[:, 0].mean()):.1f}% {method}" for method, values in accuracies.items()
    ]
    return f"With {labels[0]:,} labels a class, the mean accuracy is {join(values)}."
