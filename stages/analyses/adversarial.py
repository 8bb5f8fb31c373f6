"""Adversarial examples: images changed a little so that a classifier is wrong.

Reference:
    Goodfellow, Shlens, Szegedy: Explaining and harnessing adversarial examples, ICLR 2015.
"""

import keras
import numpy as np
import tensorflow as tf

from stages.analyses.distortions import to_pixels

BATCH = 500  # images, which bounds memory


def attack_signs(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the signs of the fast gradient sign method (FGSM).

    Args:
        model: Classifier of images, uint8 [n, height, width], whose last layer is a softmax.
        images: Images to attack.
        labels: Their classes [n].

    Returns:
        Sign of the gradient of the loss of each image with respect to its pixels, int8
        [n, height, width].
    """
    network = to_logits(model)

    @tf.function
    def compute(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = log_odds(network(x, training=False), y)
        return tf.sign(tape.gradient(loss, x))

    signs = [
        compute(
            tf.constant(images[start : start + BATCH], tf.float32),
            tf.constant(labels[start : start + BATCH], tf.int32),
        ).numpy()
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate(signs).astype(np.int8)


def to_logits(model: keras.Model) -> keras.Model:
    """Return a classifier of float32 pixels from 0 to 255, which have a gradient, without softmax.

    It shares the weights of `model`, a sequential model whose input is uint8.
    """
    *layers, output = model.layers
    inputs = features = keras.Input(model.input_shape[1:], dtype="float32")
    for layer in layers:
        features = layer(features)
    return keras.Model(inputs, keras.ops.matmul(features, output.kernel) + output.bias)


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the logarithm of the odds against the true class [n].

    The cross-entropy loss is softplus of it. So both have gradients of the same sign, but here it
    does not round to 0 where the network is certain.

    Args:
        logits: Inputs of the softmax [n, classes].
        labels: Classes [n].
    """
    true = tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    others = tf.reduce_logsumexp(logits - 1e9 * true, axis=-1)
    return others - tf.reduce_sum(logits * true, axis=-1)


def perturb(images: np.ndarray, signs: np.ndarray, epsilon: float) -> np.ndarray:
    """Change each pixel by `epsilon`, a fraction of the range from black to white.

    Args:
        images: Images, uint8 [n, height, width].
        signs: Direction of the change of each pixel, -1 to 1, of the same shape.
        epsilon: Size of the change, 0 to 1.

    Returns:
        Images, uint8 [n, height, width]; black and white are the limits.
    """
    return to_pixels(images + 255.0 * epsilon * signs)


def random_signs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return random signs, int8 of -1 and 1: a perturbation of the same size without any aim."""
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), shape)
