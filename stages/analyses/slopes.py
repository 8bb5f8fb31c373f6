"""Activation functions of Keras and their slopes, by automatic differentiation."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

EXAMPLES = 200  # random examples whose gradients are averaged
CLASSES = 10


def get_activation(name: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return an activation function of Keras, or the step function under the name `step`."""
    return step if name == "step" else keras.activations.get(name)


def step(x: tf.Tensor) -> tf.Tensor:
    """1 from 0 on, otherwise 0: what a threshold unit computes."""
    return tf.cast(x >= 0, x.dtype)


def measure_slope(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs and slopes of an activation function.

    Args:
        name: See `get_activation`.
        x: Inputs, float32 [n].

    Returns:
        Outputs [n] and derivatives [n].
    """
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = get_activation(name)(inputs)
    slopes = tape.gradient(outputs, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return outputs.numpy(), slopes.numpy()


def measure_gradients(name: str, hidden_layers: int, units: int, seed: int) -> np.ndarray:
    """Measure the gradient of the loss in each layer of a random network, before any training.

    Its dense layers have the initial weights of Keras. Inputs are drawn from a normal distribution
    and classes at random.

    Args:
        name: Activation function of the hidden layers; see `get_activation`.
        hidden_layers: Number of hidden layers.
        units: Number of inputs, and of units of each hidden layer.
        seed: Seed of weights and examples.

    Returns:
        Mean over the examples of the norm of the gradient by the weighted sums of each layer,
        float [hidden_layers + 1], the output layer last.

    Reference:
        Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010.
    """
    random = np.random.default_rng(seed)
    outputs = tf.constant(random.standard_normal((EXAMPLES, units), np.float32))
    labels = random.integers(CLASSES, size=EXAMPLES)
    layers = make_layers([*[units] * hidden_layers, CLASSES], seed)
    activation, sums = get_activation(name), []
    with tf.GradientTape() as tape:
        for layer in layers:
            sums.append(layer(outputs))
            outputs = activation(sums[-1])
        loss = keras.losses.sparse_categorical_crossentropy(labels, sums[-1], from_logits=True)
    gradients = tape.gradient(loss, sums, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return np.array([np.linalg.norm(each.numpy(), axis=1).mean() for each in gradients])


def make_layers(sizes: Sequence[int], seed: int) -> list[keras.layers.Layer]:
    """Return dense layers with the initial weights of Keras, drawn from a seed."""
    seeds = keras.random.SeedGenerator(seed)
    return [
        keras.layers.Dense(size, kernel_initializer=keras.initializers.GlorotUniform(seeds))
        for size in sizes
    ]
