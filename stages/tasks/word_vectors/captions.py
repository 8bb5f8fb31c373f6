"""Captions of the figures of word vectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: nats per pair of words",
        "The dashed line is the test loss, computed once, after training, with the expected value "
        "of the negative samples.",
    ),
    "word_map": Caption(
        "Map of word vectors",
        "First two principal components of chosen words; words that occur in similar contexts are "
        "close together.",
    ),
    "analogies": Caption(
        "Analogies",
        "Questions like: man is to woman as king is to which word? The answer is the word nearest "
        "to woman - man + king; in brackets, the number of questions.",
    ),
    "sentiment_words": Caption(
        "Words with the clearest sentiment",
        "Frequent words by their effect in a logistic regression on the mean vector of a review.",
    ),
}


def summarize_loss(loss: float, uninformed: float) -> str:
    """Return the test loss next to that of vectors that are equal for all words."""
    return (
        f"Test loss {loss:.3f} nats per pair; vectors that are equal for all words have at least "
        f"{uninformed:.3f}."
    )


def summarize_map(places: Sequence[Mapping[str, Any]]) -> str:
    """Return how many words have a word of their own group as nearest neighbor on the map."""
    if not places:
        return ""
    xy = np.array([[place["x"], place["y"]] for place in places])
    distances = np.linalg.norm(xy[:, None] - xy, axis=2)
    np.fill_diagonal(distances, np.inf)
    groups = np.array([place["group"] for place in places])
    same = int((groups[distances.argmin(axis=1)] == groups).sum())
    return f"For {same} of the {len(places)} words, the nearest word on the map is of their group."


def summarize_analogies(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the categories with the most and the fewest correct answers."""
    if not records:
        return ""
    best = max(records, key=lambda record: record["accuracy"])
    worst = min(records, key=lambda record: record["accuracy"])
    return (
        f"Best: {best['category']} ({best['accuracy']:.0%} of the answers are correct); worst: "
        f"{worst['category']} ({worst['accuracy']:.0%})."
    )


def summarize_sentiment(accuracy: float, baseline: float) -> str:
    """Return the accuracy of the classifier, next to one of random vectors."""
    return (
        f"The regression classifies {accuracy:.1%} of the test reviews correctly; with random "
        f"vectors of the same size, {baseline:.1%}."
    )
