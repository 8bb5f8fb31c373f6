"""Batches of images, augmented for training."""

import tensorflow as tf

from stages.config.schema import (
    Augmentation,
    ImageClassifierTraining,
    ImageGanTraining,
    VaeTraining,
)
from stages.core.splits import Split
from stages.pipelines.common import batch_indices, gather, random_seeds, read_ahead

ImageTraining = ImageClassifierTraining | VaeTraining | ImageGanTraining


def make_batches(split: Split, training: ImageTraining, *, shuffle: bool) -> tf.data.Dataset:
    """Batches of a split, in a new random order and newly augmented in each epoch of training.

    Args:
        split: images uint8 [n, height, width(, channels)]; y [n, ...], which is not augmented.
        training: config, for `batch_size` and `augmentation`.
        shuffle: whether it is for training; other examples are neither shuffled nor augmented.

    Returns:
        Batches of (x, y), with dtypes as stored; the last may be smaller.
    """
    batches = gather(split, batch_indices(len(split.y), training.batch_size, shuffle))
    augmentation = training.augmentation
    if shuffle and augmentation is not None:
        batches = tf.data.Dataset.zip(batches, random_seeds()).map(
            lambda batch, seed: (augment(batch[0], augmentation, seed), batch[1])
        )
    return read_ahead(batches)


def augment(images: tf.Tensor, config: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Shift each image at random, and mirror half of them from left to right.

    Both only select rows and columns, which takes half the time of keras.layers.RandomTranslation
    and RandomFlip.

    Args:
        images: [n, height, width, ...].
        config: `shift`, in pixels at most, up, down, left or right; what enters is 0; `flip`.
        seed: [2] integers; equal seeds give equal results.

    Returns:
        Images of the same shape and dtype.
    """
    count, margin = tf.shape(images)[0], config.shift
    down, across, mirror = tf.unstack(tf.random.split(seed, 3))
    margins = [[0, 0], [margin, margin], [margin, margin]] + [[0, 0]] * (len(images.shape) - 3)
    padded = tf.pad(images, margins)

    def positions(length: int, seed: tf.Tensor) -> tf.Tensor:
        offsets = tf.random.stateless_uniform([count, 1], seed, 0, 2 * margin + 1, tf.int32)
        return tf.range(length)[None] + offsets

    rows, columns = positions(images.shape[1], down), positions(images.shape[2], across)
    if config.flip:
        mirrored = tf.random.stateless_uniform([count, 1], mirror) < 0.5
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
    shifted = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(shifted, columns, axis=2, batch_dims=1)
