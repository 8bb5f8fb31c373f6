"""Input pipeline of texts as characters, for truncated backpropagation through time.

The text is cut into streams that are processed in parallel, one sequence of each per batch; each
stream continues in the next batch.
"""

import numpy as np
import tensorflow as tf

from stages.config.schema import CharRnnTraining
from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.pipelines.common import read_ahead

VALIDATION_STREAMS = 8  # validation after every epoch must be fast
VALIDATION_LENGTH = 5000  # characters of each stream per batch, which bounds the memory


def make_batches(split: Split, training: CharRnnTraining, *, shuffle: bool) -> tf.data.Dataset:
    """Build batches of contiguous characters, in the order of the text.

    Training batches have `training.batch_size` streams and `training.sequence_length` characters
    of each; each epoch begins at a new random offset, so that the sequences differ. Validation
    batches have VALIDATION_STREAMS streams from the first character on, and VALIDATION_LENGTH
    characters of each.

    Args:
        split: Text x and the next characters y, integers [n].
        training: The model's training config.
        shuffle: True for training batches, False for validation batches.

    Returns:
        Batches of (x, y), int32 [streams, length], of known cardinality.

    Raises:
        ConfigError: If the training text is shorter than one sequence.
    """
    if not shuffle:
        return validation_batches(split)
    if len(split.x) < training.sequence_length:
        raise ConfigError(
            f"training.sequence_length: found {training.sequence_length}, expected at most "
            f"{len(split.x)}, the length of the train split: lower it or use a longer text"
        )
    return training_batches(split, training.batch_size, training.sequence_length)


def training_batches(split: Split, num_streams: int, length: int) -> tf.data.Dataset:
    """Build batches [num_streams, length] that begin at a random offset in each epoch.

    A text too short for `num_streams` sequences is cut into fewer streams. Characters that do not
    fill a sequence are dropped: `offset` of them at the beginning, the others at the end.
    """
    num_streams = min(num_streams, len(split.x) // length)
    num_batches = len(split.x) // (num_streams * length)
    used = num_batches * num_streams * length
    characters = tf.constant(np.stack(split), tf.int32)

    def batches_from(seed: tf.Tensor) -> tf.data.Dataset:
        offset = seed % (len(split.x) - used + 1)
        streams = tf.reshape(
            characters[:, offset : offset + used], [2, num_streams, num_batches, length]
        )
        x, y = tf.unstack(tf.transpose(streams, [0, 2, 1, 3]))
        return tf.data.Dataset.from_tensor_slices((x, y))

    seeds = tf.data.Dataset.random(rerandomize_each_iteration=True).take(1)
    batches = seeds.flat_map(batches_from)
    return read_ahead(batches.apply(tf.data.experimental.assert_cardinality(num_batches)))


def validation_batches(split: Split) -> tf.data.Dataset:
    """Build batches [streams, length] of a whole text, in order."""
    num_streams = min(VALIDATION_STREAMS, len(split.x))
    used = len(split.x) // num_streams * num_streams
    streams = np.stack(split)[:, :used].astype(np.int32).reshape(2, num_streams, -1)
    # Slices along time, which batch() joins again.
    steps = tf.data.Dataset.from_tensor_slices(tuple(streams.swapaxes(1, 2)))
    batches = steps.batch(VALIDATION_LENGTH).map(lambda x, y: (tf.transpose(x), tf.transpose(y)))
    return read_ahead(batches)
