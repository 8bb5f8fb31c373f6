"""A recurrent network for texts: an LSTM, a GRU or a simple recurrent layer.

Hochreiter, Schmidhuber: Long short-term memory, 1997; Cho et al.: Learning phrase
representations using RNN encoder-decoder, EMNLP 2014; Elman: Finding structure in time, 1990.

On a CPU such a layer takes as long as the text is, padding included. So batches are made of texts
of similar length and cut where the longest of them ends.
"""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.data import Part
from stages.params import Recurrent
from stages.training import Trained, batches_of, fit, random_seeds, set_precision

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
PADDING = 0


def train(
    block: Recurrent, description: dict[str, Any], train: Part, validation: Part | None
) -> Trained:
    """Build the network for the vocabulary at hand and train it."""
    set_precision(block.precision)
    model = build(block, description["vocabulary_size"])
    return fit(model, block, train, validation, similar_lengths)


def build(block: Recurrent, vocabulary_size: int) -> keras.Model:
    """From word numbers [length], padded behind, to the probability [1] of class 1.

    The layer's outputs at all words are pooled, their mean beside their maximum: a review's
    verdict may stand anywhere in it. Padding comes after the words and is left out of the pools,
    so that what is said of a review does not depend on how far it is padded.
    """
    words = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(vocabulary_size, block.embedding_units)(words)
    embedded = keras.layers.Dropout(block.word_dropout, noise_shape=(None, None, 1))(embedded)
    embedded = keras.layers.SpatialDropout1D(block.embedding_dropout)(embedded)
    outputs = CELLS[block.cell](block.units, return_sequences=True)(embedded)
    is_word = keras.ops.cast(keras.ops.not_equal(words, PADDING), outputs.dtype)[..., None]
    mean = keras.ops.sum(outputs * is_word, axis=1) / (keras.ops.sum(is_word, axis=1) + 1e-6)
    largest = keras.ops.max(outputs - 10 * (1 - is_word), axis=1)  # outputs are in -1 to 1
    pooled = keras.layers.Concatenate()([mean, largest])
    pooled = keras.layers.Dropout(block.dropout)(pooled)
    return keras.Model(words, keras.layers.Dense(1, activation="sigmoid", dtype="float32")(pooled))


def similar_lengths(part: Part, size: int, *, shuffle: bool) -> tf.data.Dataset:
    """Batches of texts of similar length, in random order when `shuffle`.

    Lengths are taken a tenth longer or shorter at random, so that the batches differ each epoch.
    """
    lengths = tf.constant(np.count_nonzero(part.x != PADDING, axis=1), tf.float32)

    def by_length(seed: tf.Tensor) -> tf.data.Dataset:
        noise = tf.random.stateless_uniform(lengths.shape, seed, 0.9, 1.1) if shuffle else 1.0
        rows = tf.data.Dataset.from_tensor_slices(tf.argsort(lengths * noise, stable=True))
        batches = rows.batch(size)
        return batches.shuffle(count, seed[0]) if shuffle else batches

    def cut(words: tf.Tensor) -> tf.Tensor:
        longest = tf.reduce_max(tf.math.count_nonzero(words, axis=1))
        return words[:, : tf.maximum(longest, 1)]

    count = math.ceil(len(part.y) / size)
    rows = random_seeds().take(1).flat_map(by_length)  # ordered anew each epoch
    return batches_of(part, rows.apply(tf.data.experimental.assert_cardinality(count)), cut)
