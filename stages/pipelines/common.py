"""What the input pipelines have in common: positions, examples at positions, reading ahead."""

import numpy as np
import tensorflow as tf

from stages.core.splits import Split
from stages.learning.fit import PREDICT_BATCH

MAX_IN_MEMORY = 1 << 28  # bytes; a larger memory-mapped array is read from the disk when needed


def batch_indices(num_examples: int, batch_size: int, shuffle: bool) -> tf.data.Dataset:
    """Positions of examples, int64 [batch_size], in a new random order each epoch to `shuffle`."""
    indices = tf.data.Dataset.range(num_examples)
    if not shuffle:
        return indices.batch(PREDICT_BATCH)
    return indices.shuffle(num_examples).batch(batch_size)


def gather(split: Split, indices: tf.data.Dataset) -> tf.data.Dataset:
    """The examples at the positions [batch_size] that each element of `indices` has."""
    take_x, take_y = taker(split.x), taker(split.y)
    return indices.map(lambda positions: (take_x(positions), take_y(positions)))


def taker(array: np.ndarray) -> tf.types.experimental.PolymorphicFunction:
    """A function from positions [m] to the elements of `array` there, inside of TensorFlow."""
    if not (isinstance(array, np.memmap) and array.nbytes > MAX_IN_MEMORY):
        constant = tf.constant(array)
        return lambda positions: tf.gather(constant, positions)

    def take(positions: tf.Tensor) -> tf.Tensor:
        # Stateful, the default, would keep TensorFlow from reading ahead, to be deterministic.
        taken = tf.numpy_function(lambda at: array[at], [positions], array.dtype, stateful=False)
        return tf.ensure_shape(taken, [None, *array.shape[1:]])

    return take


def read_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prepare the next batches during a step; without tuning, which costs more than they do."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def random_seeds() -> tf.data.Dataset:
    """Endless seeds [2] for stateless random operations, different ones in each epoch.

    Stateful operations would give the same numbers in each epoch, since their state starts again
    with every iterator.

    Reference:
        https://www.tensorflow.org/guide/random_numbers
    """
    return tf.data.Dataset.random(rerandomize_each_iteration=True).batch(2)
