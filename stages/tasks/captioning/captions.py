"""Captions of the figures of a network that captions images of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: cross-entropy and accuracy per word",
        "Both are measured with teacher forcing, where the decoder reads the right words before "
        "each one that it predicts.",
    ),
    "examples": Caption(
        "Test images with their captions",
        "The first images of each length; a wrong caption is orange, with the right one below it.",
    ),
    "errors": Caption(
        "Wrong captions",
        "The caption of the network is orange, the right one is below it.",
    ),
    "attention": Caption(
        "Attention during captioning",
        "Each row is a word that the decoder writes and shows, as a bar above the image, which "
        "columns of the image it attends to.",
    ),
    "accuracy_by_length": Caption(
        "Exact-match accuracy by number of digits",
        "A caption is right only if each digit is recognized: if errors are independent, accuracy "
        "is that of one digit to the power of their number, the gray line.",
    ),
}


def summarize_errors(records: Sequence[Mapping[Any, Any]]) -> str:
    """Return the number of wrong captions, and the accuracy of the shortest and longest numbers."""
    wrong = sum(record["wrong"] for record in records)
    total = sum(record["examples"] for record in records)
    ends = " and ".join(
        f"{100 * record['accuracy']:.1f}% of those with {record['digits']}"
        for record in (records[0], records[-1])
    )
    return f"{wrong:,} of {total:,} captions are wrong; right are {ends} digits."
