"""Input pipeline of texts, in batches of similar length.

On a CPU the time of a recurrent layer grows with the length of the batch, padding included.
"""

import math

import numpy as np
import tensorflow as tf

from stages.config.schema import TextClassifierTraining
from stages.core.splits import PADDING, Split
from stages.learning.fit import PREDICT_BATCH
from stages.pipelines.common import gather, random_seeds, read_ahead

JITTER = 0.1  # maximum relative change of lengths, at random, before texts are sorted


def make_batches(
    split: Split, training: TextClassifierTraining, *, shuffle: bool
) -> tf.data.Dataset:
    """Build batches of texts sorted by length, each padded only to its longest text.

    For training, the texts are sorted by slightly random lengths, so that the batches differ in
    each epoch, and the batches are shuffled.

    Args:
        split: Token ids [n, length], padded at the end; y [n].
        training: The model's training config, for `batch_size`.
        shuffle: True for training; False for batches of PREDICT_BATCH examples sorted by length.

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

    indices = random_seeds().take(1).flat_map(by_length)  # reshuffled in each epoch
    indices = indices.apply(tf.data.experimental.assert_cardinality(num_batches))
    return read_ahead(gather(split, indices).map(lambda x, y: (trim_padding(x), y)))


def trim_padding(tokens: tf.Tensor) -> tf.Tensor:
    """Remove columns of token ids [n, length] that hold only padding; at least one is kept."""
    longest = tf.reduce_max(tf.math.count_nonzero(tokens != PADDING, axis=1))
    return tokens[:, : tf.maximum(longest, 1)]
