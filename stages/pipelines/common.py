"""Functions shared by the input pipelines: indices, gathering of examples, prefetching."""

import numpy as np
import tensorflow as tf

from stages.core.splits import Split
from stages.learning.fit import PREDICT_BATCH

MAX_IN_MEMORY = 1 << 28  # bytes; larger memory-mapped arrays are read from disk batch by batch


def batch_indices(num_examples: int, batch_size: int, shuffle: bool) -> tf.data.Dataset:
    """Indices of examples, int64 [batch_size]; with `shuffle`, reshuffled in each epoch."""
    indices = tf.data.Dataset.range(num_examples)
    if not shuffle:
        return indices.batch(PREDICT_BATCH)
    return indices.shuffle(num_examples).batch(batch_size)


def gather(split: Split, indices: tf.data.Dataset) -> tf.data.Dataset:
    """Gather the examples of each element of `indices`, a batch of indices [batch_size]."""
    gather_x, gather_y = make_gather_fn(split.x), make_gather_fn(split.y)
    return indices.map(lambda batch: (gather_x(batch), gather_y(batch)))


def make_gather_fn(array: np.ndarray) -> tf.types.experimental.PolymorphicFunction:
    """Make a TensorFlow function from indices [m] to the elements of `array`."""
    if not (isinstance(array, np.memmap) and array.nbytes > MAX_IN_MEMORY):
        constant = tf.constant(array)
        return lambda indices: tf.gather(constant, indices)

    def gather_from_disk(indices: tf.Tensor) -> tf.Tensor:
        # With stateful=True, the default, deterministic TensorFlow would not prefetch.
        elements = tf.numpy_function(lambda i: array[i], [indices], array.dtype, stateful=False)
        return tf.ensure_shape(elements, [None, *array.shape[1:]])

    return gather_from_disk


def read_ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetch batches, without autotuning, which costs more than it saves."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(2).with_options(options)


def random_seeds() -> tf.data.Dataset:
    """Endless dataset of seeds [2] for stateless random operations, different in each epoch.

    Stateful operations would return the same numbers in each epoch, since their state is reset
    with every iterator.

    Reference:
        https://www.tensorflow.org/guide/random_numbers
    """
    return tf.data.Dataset.random(rerandomize_each_iteration=True).batch(2)
