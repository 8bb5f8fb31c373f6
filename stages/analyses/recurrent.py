"""Small recurrent networks that recall the first symbol of a sequence after a number of steps.

The task needs nothing but memory: after a sequence of random symbols, the network has to name the
first. As all are of the same alphabet, it has to keep the first one and to ignore the others.
Nothing is pooled over time: the gradient of the loss reaches the first symbol only through every
step between.

Reference:
    Hochreiter, Schmidhuber: Long short-term memory, 1997.
    Bengio, Simard, Frasconi: Learning long-term dependencies with gradient descent is difficult,
    1994.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.learning.optimizers import make_optimizer

CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple_rnn": keras.layers.SimpleRNN,
}
TRAINING_STREAM, TEST_STREAM, GRADIENT_STREAM = range(3)  # of random numbers


def build(cell: str, units: int, num_symbols: int) -> keras.Model:
    """Build a network from one-hot vectors [n, length, num_symbols] to logits [n, num_symbols]."""
    return keras.Sequential(
        [
            keras.Input((None, num_symbols)),
            CELLS[cell](units),
            keras.layers.Dense(num_symbols),
        ]
    )


def make_sequences(
    random: np.random.Generator, count: int, distance: int, num_symbols: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of random symbols.

    Args:
        random: Random generator.
        count: Number of sequences.
        distance: Number of steps from the first symbol to the end.
        num_symbols: Number of different symbols.

    Returns:
        Symbols, int32 [count, distance + 1], and the first one of each sequence, int32 [count].
    """
    symbols = random.integers(0, num_symbols, (count, distance + 1), np.int32)
    return symbols, symbols[:, 0]


def draw_distance(random: np.random.Generator, longest: int) -> int:
    """Draw a distance from 0 to `longest`, short ones more often: its logarithm is uniform.

    The network learns to keep a symbol over few steps first, and then over more.
    """
    return int(np.exp(random.uniform(0, np.log(longest + 2)))) - 1


def train(model: keras.Model, config: Any, longest: int, num_symbols: int, seed: int) -> None:
    """Train a network to recall symbols.

    Args:
        model: Result of `build`.
        config: `steps`, `batch_size` and `optimizer` of params.yaml.
        longest: Largest distance.
        num_symbols: Number of symbols.
        seed: Seed of the sequences.
    """
    random = np.random.default_rng([seed, TRAINING_STREAM])
    step = make_step(model, make_optimizer(config.optimizer, config.steps))
    for _ in range(config.steps):
        distance = draw_distance(random, longest)
        ids, symbols = make_sequences(random, config.batch_size, distance, num_symbols)
        step(tf.constant(ids), tf.constant(symbols))


def make_step(
    model: keras.Model, optimizer: keras.optimizers.Optimizer
) -> Callable[[tf.Tensor, tf.Tensor], None]:
    """Return a function that makes a training step with ids [n, length] and symbols [n]."""
    optimizer.build(model.trainable_variables)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]
    )
    def step(ids: tf.Tensor, symbols: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = model(tf.one_hot(ids, model.input_shape[-1]), training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=symbols, logits=logits)
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    result: Callable[[tf.Tensor, tf.Tensor], None] = step
    return result


def measure_accuracy(
    model: keras.Model, distances: Sequence[int], count: int, num_symbols: int, seed: int
) -> list[float]:
    """Return the fraction of `count` new sequences whose symbol is recalled, by distance."""
    random = np.random.default_rng([seed, TEST_STREAM])
    predict = make_prediction(model)
    accuracies = []
    for distance in distances:
        ids, symbols = make_sequences(random, count, distance, num_symbols)
        predicted = predict(tf.constant(ids)).numpy().argmax(axis=1)
        accuracies.append(float(np.mean(predicted == symbols)))
    return accuracies


def make_prediction(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a compiled function from ids [n, length] to logits [n, num_symbols]."""

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def predict(ids: tf.Tensor) -> tf.Tensor:
        return model(tf.one_hot(ids, model.input_shape[-1]), training=False)

    result: Callable[[tf.Tensor], tf.Tensor] = predict
    return result


def measure_gradients(
    model: keras.Model, distances: Sequence[int], count: int, num_symbols: int, seed: int
) -> list[float]:
    """Measure how much of the error at the end of a sequence reaches its first symbol.

    The targets are random: the loss of symbols that a network has learned is almost flat, whatever
    it remembers.

    Returns:
        Mean over `count` sequences of the norm of the gradient of the loss with respect to the
        one-hot vector of the first symbol, by distance.
    """
    random = np.random.default_rng([seed, GRADIENT_STREAM])

    @tf.function(
        input_signature=[tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int32)]
    )
    def compute(ids: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        inputs = tf.one_hot(ids, model.input_shape[-1])
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            logits = model(inputs, training=False)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
        return tape.gradient(loss, inputs)[:, 0]

    norms = []
    for distance in distances:
        ids, _ = make_sequences(random, count, distance, num_symbols)
        targets = random.integers(0, num_symbols, count, np.int32)
        gradient = compute(tf.constant(ids), tf.constant(targets)).numpy().astype(np.float64)
        norms.append(float(np.linalg.norm(gradient, axis=1).mean()))
    return norms
