"""Evaluation of a character-level language model on unseen text, and sampled texts.

The test split is read as one stream: states are zero at its first character and carried to its
last, so that the text before it is not used.
"""

import math
from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy.stats import entropy

from stages.core.splits import Split
from stages.metrics.likelihood import bits_per_character
from stages.networks.char_rnn.sampling import make_sampler, most_frequent, token_nll
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.language_modeling import captions, plots
from stages.tasks.language_modeling.text import (
    decode,
    displayable,
    in_vocabulary_fraction,
    nll_by_position,
    nll_by_type,
    words,
)

MAX_CONTEXT = 255  # characters read from zero states; 2^n - 1
PASSAGE = 640  # characters shown with their loss
SAMPLE_LENGTH = 4000  # characters at each temperature, in which words are counted
NUM_SHOWN = 600  # of these characters


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute the test loss by several criteria; sample texts."""
    vocabulary, test = context.info["input"]["vocabulary"], context.load_split("test")
    train, model = context.load_split("train"), context.bundle.model
    nll = token_nll(model, test.x[None], test.y[None])[0]
    loss, text = float(nll.mean()), decode(test.y, vocabulary)
    baselines = baseline_losses(train, test, len(vocabulary))
    chart, types = nll_by_position(text, nll), nll_by_type(text, nll)
    contexts = nll_by_context(model, test)
    start = max(min(MAX_CONTEXT, len(nll) - PASSAGE), 0)
    passage, passage_nll = displayable(text[start:][:PASSAGE]), nll[start:][:PASSAGE]
    records = {name: table.to_dict("records") for name, table in (
        ("context_length", contexts), ("character_types", types), ("word_positions", chart)
    )}  # fmt: skip
    return Evaluation(
        metrics={"test": {"loss": loss, "bits_per_char": bits_per_character(loss)}},
        chart=chart,
        figures={
            "learning_curves": plots.learning_curves(context.history, loss),
            "context_length": plots.context_length(contexts, baselines),
            "character_types": plots.character_types(types),
            "word_positions": plots.word_positions(chart),
            "token_nll": plots.token_nll(passage, passage_nll),
        },
        data={
            **records,
            "samples": describe_snapshots(context, vocabulary),
            "final_samples": sample_texts(context, train, vocabulary),
            "token_nll": {"text": passage, "nats": passage_nll.round(3).tolist()},
        },
        summaries={
            "learning_curves": captions.summarize_losses(loss, *baselines.values()),
            "context_length": captions.summarize_context(records["context_length"]),
            "character_types": captions.summarize_groups(records["character_types"], "type"),
        },
    )


def baseline_losses(train: Split, test: Split, vocabulary_size: int) -> dict[str, float]:
    """Compute test losses, in nats per character, of models that use no context.

    The unigram model uses the frequencies of the training text with add-one smoothing, since a
    character of the test text may be absent there.
    """
    counts = np.bincount(train.y, minlength=vocabulary_size) + 1.0
    tested = np.bincount(test.y, minlength=vocabulary_size) / len(test.y)
    cross_entropy = entropy(tested) + entropy(tested, counts)
    return {"uniform": math.log(vocabulary_size), "unigram": float(cross_entropy)}


def nll_by_context(model: keras.Model, test: Split) -> pd.DataFrame:
    """Compute the mean nll by number of characters read from zero states: columns context, nats.

    The text is split into segments that are read independently. Lengths between powers of two are
    averaged and named after the first of them.
    """
    length = min(MAX_CONTEXT, len(test.x))
    used = len(test.x) // length * length
    x, y = test.x[:used].reshape(-1, length), test.y[:used].reshape(-1, length)
    means = token_nll(model, x, y).mean(axis=0)
    edges = [2**power - 1 for power in range(length.bit_length())]
    groups = np.split(means, edges[1:])
    return pd.DataFrame(
        [
            {"context": edge + 1, "nats": round(float(group.mean()), 4)}
            for edge, group in zip(edges, groups, strict=True)
        ]
    )


def describe_snapshots(context: EvaluationContext, vocabulary: list[str]) -> dict[str, Any]:
    """Return the texts sampled during training: epochs, and texts per temperature and epoch."""
    temperatures = context.bundle.spec["training"]["sample_temperatures"]
    samples = context.snapshots["samples"]
    return {
        "epochs": context.snapshots["epoch"].tolist(),
        "texts": {
            str(temperature): [displayable(decode(ids, vocabulary)) for ids in samples[:, column]]
            for column, temperature in enumerate(temperatures)
        },
    }


def sample_texts(context: EvaluationContext, train: Split, vocabulary: list[str]) -> dict[str, Any]:
    """Sample texts with the trained model at each temperature.

    Returns:
        texts; in_vocabulary_fraction, the fraction of words, in a longer sample than the one shown,
        that are in the training vocabulary of words, i.e. occur in the training text.
    """
    temperatures = context.bundle.spec["training"]["sample_temperatures"]
    noise = np.random.default_rng(context.config.seed).gumbel(
        size=(SAMPLE_LENGTH, len(temperatures), len(vocabulary))
    )
    sample = make_sampler(context.bundle.model)
    sampled = sample(most_frequent(train.y), temperatures, noise)
    texts = {
        str(temperature): decode(ids, vocabulary)
        for temperature, ids in zip(temperatures, sampled, strict=True)
    }
    training_words = set(words(decode(train.x, vocabulary)))
    return {
        "texts": {name: displayable(text[:NUM_SHOWN]) for name, text in texts.items()},
        "in_vocabulary_fraction": {
            name: in_vocabulary_fraction(words(text), training_words)
            for name, text in texts.items()
        },
    }
