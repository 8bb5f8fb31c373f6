"""Batches of texts of similar length.

On a CPU a recurrent layer takes as long as the text is, padding included.
"""

import math

import numpy as np
import tensorflow as tf

from stages.config.schema import TextClassifierTraining
from stages.core.splits import PADDING, Split
from stages.learning.fit import PREDICT_BATCH
from stages.pipelines.common import gather, random_seeds, read_ahead

JITTER = 0.1  # by which lengths are multiplied at random, up or down, before texts are sorted


def make_batches(
    split: Split, training: TextClassifierTraining, *, shuffle: bool
) -> tf.data.Dataset:
    """Batches of texts sorted by length, each cut at the end of its longest text.

    For training, lengths are changed a little at random before, so that the batches differ in
    each epoch, and the batches come in random order.

    Args:
        split: token ids [n, length], padded at the end; y [n].
        training: config, for `batch_size`.
        shuffle: whether it is for training; batches of other examples have a constant size.

    Returns:
        Batches of (x, y), with dtypes as stored.
    """
    lengths = tf.constant(np.count_nonzero(split.x != PADDING, axis=1), tf.float32)
    size = training.batch_size if shuffle else PREDICT_BATCH
    num_batches = math.ceil(len(split.y) / size)

    def by_length(seed: tf.Tensor) -> tf.data.Dataset:
        if not shuffle:
            return tf.data.Dataset.from_tensor_slices(tf.argsort(lengths, stable=True)).batch(size)
        factors = tf.random.stateless_uniform(lengths.shape, seed, 1 - JITTER, 1 + JITTER)
        order = tf.argsort(lengths * factors, stable=True)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(size)
        return batches.shuffle(num_batches, seed[0])

    indices = random_seeds().take(1).flat_map(by_length)  # sorted anew in each epoch
    indices = indices.apply(tf.data.experimental.assert_cardinality(num_batches))
    return read_ahead(gather(split, indices).map(lambda x, y: (cut(x), y)))


def cut(tokens: tf.Tensor) -> tf.Tensor:
    """Token ids [n, length] without the columns in which all are padding; one column is left."""
    longest = tf.reduce_max(tf.math.count_nonzero(tokens != PADDING, axis=1))
    return tokens[:, : tf.maximum(longest, 1)]
