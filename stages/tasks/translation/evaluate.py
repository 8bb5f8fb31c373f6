"""Evaluation of a network that translates texts to sequences of characters."""

from typing import Any

import numpy as np
import pandas as pd

from stages.networks.seq2seq.decoding import compare, decode_greedily
from stages.networks.seq2seq.tokens import decode_tokens
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.translation import captions, plots

NUM_FORMATS = 6  # whose attention is shown
NUM_RIGHT, NUM_WRONG = 8, 8  # examples in the table


def evaluate(context: EvaluationContext) -> Evaluation:
    """Translate the test split greedily, and compare it with the targets."""
    test = context.load_split("test")
    raw = context.load_raw("test", range(len(test.y)))
    predicted, attention = decode_greedily(context.bundle.model, test.x, test.y.shape[1])
    right, character_accuracy = compare(predicted, test.y)
    examples = describe_examples(raw, predicted, right, context.info["classes"])
    chart = accuracy_by_format(examples)
    shown = choose_formats(examples)
    misspelled = [example["right"] for example in examples if example["typo"]]
    records = chart.to_dict("records")
    return Evaluation(
        metrics={
            "test": {
                "exact_match_accuracy": float(right.mean()),
                "character_accuracy": character_accuracy,
            }
        },
        chart=chart,
        figures={
            "learning_curves": plots.learning_curves(context.history),
            "attention": plots.attention(
                [
                    plots.Alignment(
                        examples[index]["text"],
                        decode_tokens(predicted[index], context.info["classes"]),
                        attention[index],
                    )
                    for index in shown
                ]
            ),
            "accuracy_by_format": plots.accuracy_by_format(chart),
        },
        data={"translations": choose_examples(examples)},
        summaries={
            "accuracy_by_format": " ".join(
                [
                    captions.summarize_formats(records),
                    captions.summarize_typos(sum(misspelled), len(misspelled)),
                ]
            ).strip()
        },
    )


def describe_examples(
    raw: list[dict[str, Any]], predicted: np.ndarray, right: np.ndarray, vocabulary: list[str]
) -> list[dict[str, Any]]:
    """Return text, date, format, typo, predicted and right of each example.

    Args:
        raw: Raw examples of the split: text, date, format and typo.
        predicted: Token ids [n, length].
        right: Whether all tokens are right, bool [n].
        vocabulary: Target vocabulary.
    """
    return [
        {**example, "predicted": "".join(decode_tokens(ids, vocabulary)), "right": bool(is_right)}
        for example, ids, is_right in zip(raw, predicted, right, strict=True)
    ]


def accuracy_by_format(examples: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the columns format, accuracy, examples and wrong, the longest format first."""
    grouped = pd.DataFrame(examples).groupby("format")["right"]
    table = pd.DataFrame(
        {
            "accuracy": grouped.mean().round(4),
            "examples": grouped.size(),
            "wrong": grouped.size() - grouped.sum(),
        }
    ).reset_index()
    return table.sort_values("format", key=lambda names: -names.str.len(), ignore_index=True)


def choose_formats(examples: list[dict[str, Any]]) -> list[int]:
    """Return the index of the first example of each of up to NUM_FORMATS formats."""
    first: dict[str, int] = {}
    for index, example in enumerate(examples):
        first.setdefault(example["format"], index)
    longest_first = sorted(first.values(), key=lambda index: -len(examples[index]["text"]))
    return longest_first[:NUM_FORMATS]


def choose_examples(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first right examples, each of another format, and the first wrong ones."""
    by_format = {example["format"]: example for example in examples[::-1] if example["right"]}
    wrong = [example for example in examples if not example["right"]]
    return [*list(by_format.values())[:NUM_RIGHT], *wrong[:NUM_WRONG]]
