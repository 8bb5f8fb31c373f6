"""Captions of the figures of a character-level language model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: nats per character",
        "Training losses are computed with dropout; the dashed line is the test loss, computed "
        "once, after training.",
    ),
    "context_length": Caption(
        "Loss by context length",
        "The curve falls as long as more context helps; where it is flat, the model does not use a "
        "longer context.",
    ),
    "character_types": Caption(
        "Loss by character type",
        "Types with long bars are hard to predict, for example the capital that begins a name.",
    ),
    "word_positions": Caption(
        "Loss by position in the word",
        "The first letter of a word is the hardest to predict, since it determines the word most.",
    ),
    "token_nll": Caption(
        "Surprisal per character (test passage)",
        "Dark characters are unexpected (negative log-likelihood in nats): mostly the first "
        "letters of words.",
    ),
}


def summarize_losses(loss: float, uniform: float, unigram: float) -> str:
    """Return the test loss next to those of models that use no context."""
    return (
        f"Test loss {loss:.3f} nats per character; a unigram model has {unigram:.2f}, a uniform "
        f"distribution {uniform:.2f}."
    )


def summarize_context(records: Sequence[Mapping[Any, Any]]) -> str:
    """Return the context length from which the loss is close to its minimum."""
    nats = np.array([record["nats"] for record in records])
    enough = next(r["context"] for r in records if r["nats"] <= nats.min() + 0.05)
    return (
        f"From {nats[0]:.2f} nats without context to {nats.min():.2f}; a context of {enough} "
        "characters is within 0.05 nats of that."
    )


def summarize_groups(records: Sequence[Mapping[Any, Any]], column: str) -> str:
    """Return the groups with the highest and the lowest loss."""
    hardest = max(records, key=lambda record: record["nats"])
    easiest = min(records, key=lambda record: record["nats"])
    return (
        f"Hardest: {hardest[column]} ({hardest['nats']:.2f} nats); easiest: {easiest[column]} "
        f"({easiest['nats']:.2f})."
    )
