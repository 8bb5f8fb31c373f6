"""What transfer learning gained, in sentences. Pure functions over accuracies."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.studies.findings import Summary, is_significant, join

ByMethod = Mapping[str, np.ndarray]  # method -> accuracies [seeds, numbers of labels]


def compare(accuracies: ByMethod, method: str, reference: str, labels: Sequence[int]) -> str:
    """Return a sentence on where a method is better or worse than another.

    Args:
        accuracies: Accuracies by method.
        method: Its name.
        reference: Name of the other one.
        labels: Numbers of labels per class, ascending.
    """
    groups: dict[str, list[str]] = {"better": [], "worse": [], "same": []}
    for column, number in enumerate(labels):
        ours, theirs = (
            Summary(name, accuracies[name][:, column].tolist(), 0) for name in (method, reference)
        )
        difference = 100 * (ours.mean - theirs.mean)
        if is_significant(ours, theirs):
            groups["better" if difference > 0 else "worse"].append(
                f"{number:,} ({difference:+.1f})"
            )
        else:
            groups["same"].append(f"{number:,} ({difference:+.1f})")
    if len(groups["same"]) == len(labels):
        return (
            f"{method} never differs from {reference} by more than the variation over seeds: "
            f"{describe(groups['same'])}."
        )
    parts = [
        f"is {name} than {reference} with {describe(groups[name])}"
        for name in ("better", "worse")
        if groups[name]
    ]
    if groups["same"]:
        parts.append(f"does not differ by more than that with {describe(groups['same'])}")
    more = "by more than the variation over seeds"
    return f"{method} {parts[0]}, {more}" + "".join(f"; it {part}" for part in parts[1:]) + "."


def describe(numbers: Sequence[str]) -> str:
    """Name numbers of labels per class, each with the difference in points."""
    return f"{join(numbers)} labels a class"


def describe_example(accuracies: ByMethod, labels: Sequence[int], methods: Sequence[str]) -> str:
    """Return a sentence on the accuracy of methods with the fewest labels."""
    values = [f"{100 * float(accuracies[method][:, 0].mean()):.1f}% {method}" for method in methods]
    return f"With {labels[0]:,} labels a class, the mean accuracy is {join(values)}."
