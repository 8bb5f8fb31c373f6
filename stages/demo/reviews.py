"""A review: what the networks answer, and the effect of each word."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.core.errors import DataError
from stages.demo.models import Models, Row
from stages.inference.examples import check_length, encode_words
from stages.inference.explain.present import Explanation, explain_text

DATASET, NAME = "imdb", "review"
MAX_EXPLAINED = 3000  # characters: each word takes a pass through the network
SHOWN = "imdb_gru"


def list_models(models: Models) -> list[str]:
    """Return the classifiers of reviews."""
    return models.names("classification", DATASET)


def answer_review(models: Models, text: str) -> list[Row]:
    """Let all models answer a review.

    Raises:
        DataError: If it is empty or too long.
    """
    check_length(NAME, text)

    def encode(spec: Any) -> np.ndarray:
        return encode_words(NAME, text, spec).x

    return [models.classify(name, encode) for name in list_models(models)]


def explain_review(models: Models, name: str, text: str) -> Explanation:
    """Return the effect of each word on the answer of a model.

    Raises:
        UserError: If the text cannot be explained, or the model is not trained.
    """
    check_length(NAME, text)
    if len(text) > MAX_EXPLAINED:
        raise DataError(f"words are explained in up to {MAX_EXPLAINED} characters: {len(text)}")
    if name not in list_models(models):
        raise DataError(f"expected a model of reviews, found {name!r}")
    bundle = models.get(name).bundle
    encode_words(NAME, text, bundle.spec)  # refuses what is not English
    return explain_text(bundle, text)


def rank_words(words: Sequence[tuple[str, float | None]], count: int) -> list[tuple[str, float]]:
    """Return the words with the strongest effects, the strongest first."""
    effects = [(word, effect) for word, effect in words if effect is not None]
    return sorted(effects, key=lambda each: -abs(each[1]))[:count]
