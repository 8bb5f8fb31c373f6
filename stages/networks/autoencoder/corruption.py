"""Corruption of images that an autoencoder learns to undo."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

NOISE, GRAYSCALE = "noise", "grayscale"


def corrupt(images: tf.Tensor, corruption: Mapping[str, Any] | None, seed: tf.Tensor) -> tf.Tensor:
    """Corrupt images as an image file would store them, in 8 bits.

    Args:
        images: Images, uint8 [n, height, width] or, for grayscale, [n, height, width, 3].
        corruption: Section `corruption` of the training config: `type` noise adds normal noise
            with a standard deviation of `stddev`, as a fraction of white, and clips the result to
            the range of pixel values; `type` grayscale keeps only the luma. None: no corruption.
        seed: Integers [2]; equal seeds produce equal noise.

    Returns:
        Images, uint8, of the same shape; grayscale: [n, height, width].
    """
    if corruption is None:
        return images
    values = tf.cast(images, tf.float32)
    if corruption["type"] == GRAYSCALE:
        values = tf.image.rgb_to_grayscale(values)[..., 0]
    else:
        stddev = 255 * corruption["stddev"]
        values += tf.random.stateless_normal(tf.shape(images), seed, stddev=stddev)
    return tf.saturate_cast(tf.round(values), tf.uint8)
