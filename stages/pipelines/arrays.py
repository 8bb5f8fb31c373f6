"""Batches of arrays as they are."""

import tensorflow as tf

from stages.config.schema import Training
from stages.core.splits import Split
from stages.pipelines.common import batch_indices, gather, read_ahead


def make_batches(split: Split, training: Training, *, shuffle: bool) -> tf.data.Dataset:
    """Batches of a split, in a new random order in each epoch if it is for training.

    Args:
        split: [n, ...] examples and their labels.
        training: config, for `batch_size`.
        shuffle: whether it is for training; batches of other examples have a constant size.

    Returns:
        Batches of (x, y), with dtypes as stored; the last may be smaller.
    """
    return read_ahead(gather(split, batch_indices(len(split.y), training.batch_size, shuffle)))
