"""Layers that Keras lacks; saving.py imports them, so that every stored model finds its own."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("stages")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization of [n, height, width, channels] by TensorFlow's fused kernel.

    Ioffe, Szegedy: Batch normalization, ICML 2015. The layer of Keras is made of many small
    operations, several times slower in bfloat16 on a CPU.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalise by the batch's statistics in training, by their moving average after it."""
        del mask  # pictures have none
        scale, offset = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not training:
            mean = tf.convert_to_tensor(self.moving_mean)
            variance = tf.convert_to_tensor(self.moving_variance)
            return tf.compat.v1.nn.fused_batch_norm(
                inputs, scale, offset, mean, variance, self.epsilon, is_training=False
            )[0]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, epsilon=self.epsilon
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs
