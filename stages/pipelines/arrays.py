"""Input pipeline of arrays, unchanged."""

import tensorflow as tf

from stages.config.schema import Training
from stages.core.splits import Split
from stages.pipelines.common import batch_indices, gather, read_ahead


def make_batches(split: Split, training: Training, *, shuffle: bool) -> tf.data.Dataset:
    """Build batches of a split, reshuffled in each epoch for training.

    Args:
        split: Examples [n, ...] and labels.
        training: The model's training config, for `batch_size`.
        shuffle: True for training; False for batches of PREDICT_BATCH examples in order.

    Returns:
        Batches of (x, y), with dtypes as stored; the last batch may be smaller.
    """
    return read_ahead(gather(split, batch_indices(len(split.y), training.batch_size, shuffle)))
