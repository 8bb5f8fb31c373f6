"""Evaluation of a network that captions images of numbers with English words."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.networks.seq2seq.decoding import compare, decode_greedily
from stages.networks.seq2seq.tokens import decode_tokens
from stages.tasks.captioning import captions, plots
from stages.tasks.interface import Evaluation, EvaluationContext

PER_LENGTH = 3  # images shown of each number of digits
NUM_ERRORS = 12
END_WORD = "(end)"


def evaluate(context: EvaluationContext) -> Evaluation:
    """Caption the test images greedily, and compare the captions with the right ones."""
    test, vocabulary = context.load_split("test"), context.info["classes"]
    raw = context.load_raw("test", range(len(test.y)))
    digits = np.array([len(str(example["number"])) for example in raw])
    predicted, attention = decode_greedily(context.bundle.model, test.x, test.y.shape[1])
    right, word_accuracy = compare(predicted, test.y)
    written = [decode_tokens(ids, vocabulary) for ids in predicted]
    expected = [decode_tokens(ids, vocabulary) for ids in test.y]
    examples = [
        {"predicted": join_words(words), "expected": join_words(others), "right": bool(is_right)}
        for words, others, is_right in zip(written, expected, right, strict=True)
    ]
    chart = accuracy_by_length(digits, right)
    by_length = [np.flatnonzero(digits == length) for length in np.unique(digits)]
    shown = np.concatenate([indices[:PER_LENGTH] for indices in by_length])
    wrong = np.flatnonzero(~right)[:NUM_ERRORS]
    attended = np.array([indices[0] for indices in by_length[1:]] or [0])
    words = [[*written[index], END_WORD][: predicted.shape[1]] for index in attended]
    figures = {
        "learning_curves": plots.learning_curves(context.history),
        "examples": draw_examples(test.x, examples, shown),
        "attention": plots.attention(
            test.x[attended],
            [attention[index][: len(row)] for index, row in zip(attended, words, strict=True)],
            words,
        ),
        "accuracy_by_length": plots.accuracy_by_length(chart),
    }
    if len(wrong):
        figures["errors"] = draw_examples(test.x, examples, wrong)
    return Evaluation(
        metrics={
            "test": {"exact_match_accuracy": float(right.mean()), "word_accuracy": word_accuracy}
        },
        chart=chart,
        figures=figures,
        data={"captions": [{"example": int(i), **examples[i]} for i in (*shown, *wrong)]},
        summaries={"accuracy_by_length": captions.summarize_errors(chart.to_dict("records"))},
    )


def draw_examples(
    images: np.ndarray, examples: list[dict[str, Any]], indices: np.ndarray
) -> plots.Figure:
    """Draw the images [n, height, width] at `indices` with their captions."""
    return plots.captioned(images[indices], [examples[index] for index in indices])


def accuracy_by_length(digits: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """Return the columns digits, accuracy, examples and wrong.

    Args:
        digits: Number of digits of each example [n].
        right: Whether its caption is right, bool [n].
    """
    grouped = pd.Series(right).groupby(pd.Series(digits, name="digits"))
    table = pd.DataFrame({"accuracy": grouped.mean().round(4), "examples": grouped.size()})
    table["wrong"] = grouped.size() - grouped.sum()
    return table.reset_index()


def join_words(words: Sequence[str]) -> str:
    """Join the words of a number; after a tens word that ends in ty, with a hyphen."""
    text = ""
    for previous, word in zip(["", *words], words, strict=False):
        text += ("-" if previous.endswith("ty") else " ") + word
    return text.strip()
