"""Random distortions of training images, in addition to the shifts and flips of the pipeline."""

import math

import tensorflow as tf

from stages.config.schema import Distortions, Training
from stages.core.splits import Split
from stages.learning.fit import MakeBatches
from stages.pipelines.common import random_seeds, read_ahead


def with_distortions(make_batches: MakeBatches, config: Distortions | None) -> MakeBatches:
    """Extend the function of an input pipeline by random distortions of the training images.

    Args:
        make_batches: Function of the input pipeline.
        config: Augmentation config, or None for no augmentation.

    Returns:
        A function like `make_batches`.
    """
    if config is None:
        return make_batches

    def make_distorted(split: Split, training: Training, *, shuffle: bool) -> tf.data.Dataset:
        batches = make_batches(split, training, shuffle=shuffle)
        if not shuffle:
            return batches
        seeded = tf.data.Dataset.zip(batches, random_seeds())
        return read_ahead(
            seeded.map(lambda batch, seed: (distort(batch[0], config, seed), batch[1]))
        )

    return make_distorted


def distort(images: tf.Tensor, config: Distortions, seed: tf.Tensor) -> tf.Tensor:
    """Rotate, zoom and shear each image at random, then erase a square of it.

    Args:
        images: Images uint8 [n, height, width(, channels)].
        config: Augmentation config.
        seed: Integers [2]; equal seeds produce equal results.

    Returns:
        Images of the same shape and dtype.
    """
    first, second = tf.unstack(tf.random.split(seed, 2))
    if config.rotation or config.zoom or config.shear:
        images = warp(images, config, first)
    return erase(images, config.erase, second) if config.erase else images


def warp(images: tf.Tensor, config: Distortions, seed: tf.Tensor) -> tf.Tensor:
    """Apply a random linear map around the center to each image, with bilinear interpolation.

    One operation does all, which is several times faster than a Keras layer for each.

    Args:
        images: Images uint8 [n, height, width(, channels)].
        config: Augmentation config.
        seed: Integers [2].
    """
    height, width, *channels = images.shape[1:]
    matrices = random_matrices(tf.shape(images)[0], config, seed)
    center = tf.constant([(width - 1) / 2, (height - 1) / 2])
    offset = center - tf.linalg.matvec(matrices, center)
    rows = tf.concat([matrices, offset[:, :, None]], axis=2)
    perspective = tf.zeros_like(offset)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.reshape(images, [-1, height, width, math.prod(channels)]),
        transforms=tf.concat([tf.reshape(rows, [-1, 6]), perspective], axis=1),
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    return tf.reshape(warped, tf.shape(images))


def random_matrices(count: tf.Tensor, config: Distortions, seed: tf.Tensor) -> tf.Tensor:
    """Draw linear maps from output to input coordinates (x, y).

    Args:
        count: Number of images n.
        config: Augmentation config: largest rotation in degrees, largest relative change of the
            scale, largest shear.
        seed: Integers [2].

    Returns:
        Products of a rotation, a shear and a scaling, float32 [n, 2, 2].
    """
    limits = tf.constant(
        [[math.radians(config.rotation)], [config.shear], [config.zoom], [config.zoom]]
    )
    drawn = limits * tf.random.stateless_uniform([4, count], seed, -1.0, 1.0)
    angle, shear, zoom_x, zoom_y = tf.unstack(drawn)
    cos, sin = tf.cos(angle), tf.sin(angle)
    columns = [
        [(1 + zoom_x) * cos, (1 + zoom_x) * sin],
        [(1 + zoom_y) * (shear * cos - sin), (1 + zoom_y) * (shear * sin + cos)],
    ]
    return tf.transpose(tf.convert_to_tensor(columns), [2, 1, 0])


def erase(images: tf.Tensor, side: int, seed: tf.Tensor) -> tf.Tensor:
    """Set a square at a random position of each image to 0.

    Args:
        images: Images [n, height, width(, channels)].
        side: Side of the square in pixels; its center is within the image, the rest may not be.
        seed: Integers [2].

    Reference:
        DeVries, Taylor: Improved regularization of convolutional neural networks with cutout, 2017.
    """
    count = tf.shape(images)[0]

    def outside(length: int, seed: tf.Tensor) -> tf.Tensor:
        begin = tf.random.stateless_uniform([count, 1], seed, 0, length, tf.int32) - side // 2
        positions = tf.range(length)[None]
        return (positions < begin) | (positions >= begin + side)

    first, second = tf.unstack(tf.random.split(seed, 2))
    height, width, *channels = images.shape[1:]
    kept = outside(height, first)[:, :, None] | outside(width, second)[:, None, :]
    kept = tf.reshape(kept, [-1, height, width] + [1] * len(channels))
    return tf.where(kept, images, tf.zeros_like(images))
