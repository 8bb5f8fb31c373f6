"""Custom layers for training; stored models have the built-in Keras layers instead."""

from typing import Any

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of images with TensorFlow's fused kernel.

    Equivalent to keras.layers.BatchNormalization up to rounding; that layer runs as many small
    kernels, about three times slower on a CPU.

    Args:
        momentum: Momentum of the moving averages.
        epsilon: Value added to the variance, at least 1.001e-5.
        arguments: Further arguments of keras.layers.BatchNormalization.

    Input shape:
        [n, height, width, channels].

    Output shape:
        Same as the input shape.

    Raises:
        ValueError: If the kernel does not support an argument.

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
        """Normalize by batch statistics in training, unless frozen, else by moving statistics."""
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
        variance *= (count - 1) / count  # from sample to population variance, as in Keras
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs
