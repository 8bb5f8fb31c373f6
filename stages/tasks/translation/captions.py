"""Captions of the figures of a network that translates dates."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: cross-entropy and accuracy per character",
        "Both are measured with teacher forcing, where the decoder reads the right characters "
        "before each one that it predicts.",
    ),
    "attention": Caption(
        "Attention weights of test examples",
        "Each row is a character that the decoder writes and shows, dark, which characters of the "
        "input it attends to; where the marks jump back, the order of the output is not that of "
        "the input.",
    ),
    "accuracy_by_format": Caption(
        "Exact-match accuracy by input format",
        "Each bar is the fraction of the test dates in one format that are right in all ten "
        "characters.",
    ),
}


def summarize_formats(records: Sequence[Mapping[Any, Any]]) -> str:
    """Return the numbers of wrong dates, and the format with the lowest accuracy."""
    wrong = sum(record["wrong"] for record in records)
    total = sum(record["examples"] for record in records)
    if not wrong:
        return f"All {total:,} test dates are right."
    hardest = min(records, key=lambda record: record["accuracy"])
    return (
        f"{wrong:,} of {total:,} test dates are wrong; the lowest accuracy is "
        f"{100 * hardest['accuracy']:.1f}%, of dates like {hardest['format']}."
    )


def summarize_typos(right: int, total: int) -> str:
    """Return how many of the dates without their usual spelling are right."""
    return f"Of the {total:,} test dates with a typo, {right:,} are right." if total else ""
