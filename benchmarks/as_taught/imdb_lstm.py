"""The LSTM as taught: the last state is classified, with recurrent dropout."""

from typing import Any

import keras

from stages.core.splits import PADDING, Split
from stages.learning.fit import MakeBatches, Trained, train_classifier
from stages.pipelines import arrays


def train(
    config: Any, info: dict[str, Any], train: Split, validation: Split | None, batches: MakeBatches
) -> Trained:
    """Train on reviews in random order, not sorted by length like in stages.pipelines.texts."""
    del batches
    model = build(len(info["input"]["vocabulary"]), info["input"]["max_length"])
    return train_classifier(model, config.training, train, validation, arrays.make_batches)


def build(vocabulary_size: int, length: int) -> keras.Model:
    """Build a model from token ids [n, at most `length`], padded at the end, to P(class 1) [n, 1].

    The course pads at the start, so that the words come last; this network shifts them likewise.
    """
    words = keras.Input((None,), dtype="int32")
    count = keras.ops.sum(keras.ops.cast(words != PADDING, "int32"), axis=1, keepdims=True)
    at = keras.ops.arange(length)[None] - (length - count)  # negative before the first word
    shifted = keras.ops.take_along_axis(words, keras.ops.maximum(at, 0), axis=1)
    x = keras.ops.where(at >= 0, shifted, PADDING)
    x = keras.layers.Embedding(vocabulary_size, 128)(x)
    x = keras.layers.LSTM(128, dropout=0.2, recurrent_dropout=0.2)(x)
    return keras.Model(words, keras.layers.Dense(1, activation="sigmoid")(x))
