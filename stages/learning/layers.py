"""Layers for training that Keras lacks; a stored model has Keras' own in their place."""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of images by TensorFlow's fused kernel.

    Gives what keras.layers.BatchNormalization gives, but for rounding; that is made of many small
    operations, about three times slower on a CPU.

    Args:
        momentum: of the moving averages.
        epsilon: added to the variance, at least 1.001e-5.
        arguments: others of keras.layers.BatchNormalization.

    Input shape:
        [n, height, width, channels].

    Output shape:
        The same.

    Raises:
        ValueError: for an argument that the kernel does not support.

    Reference:
        Ioffe, Szegedy: Batch normalization, ICML 2015.
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **arguments: Any) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, **arguments)
        unsupported = not (self.scale and self.center and self.axis in (-1, 3))
        if unsupported or self.renorm or self.synchronized or epsilon < 1.001e-5:
            raise ValueError(
                "FusedBatchNormalization needs scale, center, the last axis and epsilon of at "
                f"least 1.001e-5; found {self.get_config()}"
            )

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalize by the batch's statistics in training, unless frozen, else by moving ones."""
        if mask is not None:
            raise ValueError("FusedBatchNormalization does not support masks")
        scale, offset = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not (training and self.trainable):
            mean = tf.convert_to_tensor(self.moving_mean)
            variance = tf.convert_to_tensor(self.moving_variance)
            return tf.compat.v1.nn.fused_batch_norm(
                inputs, scale, offset, mean, variance, self.epsilon, is_training=False
            )[0]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, epsilon=self.epsilon
        )
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1) / count  # the kernel's is that of a sample, Keras' of a population
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs
