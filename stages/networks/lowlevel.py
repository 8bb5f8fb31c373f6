"""A network from TensorFlow's bare operations: 784 inputs, a sigmoid layer, 10 classes.

Nothing of Keras learns here. The parts, in the order in which they are used:
    parameters   two matrices and two vectors, which are all that is learnt
    forward      from pictures to one number a class, its logit
    cross_entropy  how wrong the logits are
    train_step   one step down the slope of that error
    train        many such steps, on a batch of pictures each
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.params import Lowlevel
from stages.training import Trained, check_finite


class Parameters(NamedTuple):
    """All that the network learns, float32."""

    hidden_weights: tf.Variable  # [pixels, hidden]
    hidden_bias: tf.Variable  # [hidden]
    output_weights: tf.Variable  # [hidden, classes]
    output_bias: tf.Variable  # [classes]


def initialise(pixels: int, hidden: int, classes: int, gain: float) -> Parameters:
    """Random weights, small enough that sums over many inputs stay near 0, and zero biases.

    Standard deviation sqrt(2 / (inputs + outputs)): Glorot, Bengio: Understanding the difficulty
    of training deep feedforward neural networks, AISTATS 2010. With a deviation of 1 the sigmoids
    begin saturated, where their slope is nearly 0, and learn little. Since the slope of a sigmoid
    is a quarter at most, a `gain` of about 4 keeps the hidden layer's signal as large as before.
    """

    def weights(inputs: int, outputs: int, gain: float) -> tf.Variable:
        deviation = gain * math.sqrt(2 / (inputs + outputs))
        return tf.Variable(tf.random.normal([inputs, outputs], stddev=deviation))

    return Parameters(
        weights(pixels, hidden, gain),
        tf.Variable(tf.zeros([hidden])),
        weights(hidden, classes, 1),
        tf.Variable(tf.zeros([classes])),
    )


def forward(x: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Logits [n, classes] of pictures x [n, pixels] with values 0 to 1."""
    hidden = tf.sigmoid(tf.matmul(x, parameters.hidden_weights) + parameters.hidden_bias)
    return tf.matmul(hidden, parameters.output_weights) + parameters.output_bias


def cross_entropy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Mean of -log(probability of the true class); logits [n, classes], y [n] integers.

    The probabilities are exp(logit) / sum of exp(logits). The largest logit is taken off first:
    it changes nothing, and keeps exp from overflowing.
    """
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    log_probabilities = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1, keepdims=True))
    true_class = tf.one_hot(y, logits.shape[1])
    return -tf.reduce_mean(tf.reduce_sum(true_class * log_probabilities, axis=1))


def accuracy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The share of rows whose largest logit is that of their class."""
    hits = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
    return tf.reduce_mean(tf.cast(hits, tf.float32))


@tf.function
def train_step(
    x: tf.Tensor, y: tf.Tensor, parameters: Parameters, learning_rate: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """One step of stochastic gradient descent; the batch's loss and accuracy before it."""
    with tf.GradientTape() as tape:
        logits = forward(x, parameters)
        loss = cross_entropy(logits, y)
    for parameter, gradient in zip(parameters, tape.gradient(loss, parameters), strict=True):
        parameter.assign_sub(learning_rate * gradient)
    return loss, accuracy(logits, y)


def train(block: Lowlevel, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Take `steps` steps through shuffled batches; a row of history each time through the data."""
    x, y = flatten(train)
    held_out_x, held_out_y = flatten(validation)
    parameters = initialise(
        x.shape[1], block.hidden_units, len(description["classes"]), block.initial_gain
    )
    random = np.random.default_rng(block.seed)
    batches_an_epoch = max(len(x) // block.batch_size, 1)
    history: list[dict[str, float]] = []
    results: list[tuple[tf.Tensor, tf.Tensor]] = []
    for step in range(1, block.steps + 1):
        position = (step - 1) % batches_an_epoch
        if position == 0:
            order = random.permutation(len(x))
        batch = order[position * block.batch_size : (position + 1) * block.batch_size]
        rate = learning_rate(block, step)
        results.append(train_step(tf.gather(x, batch), tf.gather(y, batch), parameters, rate))
        if position == batches_an_epoch - 1 or step == block.steps:
            loss, hits = np.mean(results, axis=0)
            results = []
            logits = forward(held_out_x, parameters)
            row = {
                "epoch": len(history) + 1,
                "learning_rate": rate.numpy(),
                "loss": loss,
                "val_loss": cross_entropy(logits, held_out_y).numpy(),
                "accuracy": hits,
                "val_accuracy": accuracy(logits, held_out_y).numpy(),
            }
            history.append(row)
            numbers = " - ".join(f"{name}: {value:.4f}" for name, value in row.items())
            print(f"step {step}/{block.steps} - {numbers}", flush=True)
    table = pd.DataFrame(history)
    check_finite(table)
    return Trained(for_keras(parameters), table, block.steps * block.batch_size)


def flatten(part: Part) -> tuple[tf.Tensor, tf.Tensor]:
    """Pictures as rows of pixels from 0 to 1, float32, and labels as int32."""
    pixels = part.x.reshape(len(part.x), -1).astype(np.float32) / 255
    return tf.constant(pixels), tf.constant(part.y.astype(np.int32))


def learning_rate(block: Lowlevel, step: int) -> tf.Tensor:
    """The rate of a step: constant, or rising for a tenth of the steps and then falling to 0."""
    share = 1.0
    if block.schedule == "one_cycle":
        progress = step / block.steps
        share = min(progress / 0.1, (1 - progress) / 0.9)
    return tf.constant(block.learning_rate * share)


def for_keras(parameters: Parameters) -> keras.Model:
    """The trained weights in a Keras model, so that they are stored and evaluated as all are."""
    pixels, hidden = parameters.hidden_weights.shape
    side = math.isqrt(pixels)
    model = keras.Sequential(
        [
            keras.Input((side, side), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(hidden, activation="sigmoid"),
            keras.layers.Dense(parameters.output_bias.shape[0], activation="softmax"),
        ]
    )
    model.set_weights([parameter.numpy() for parameter in parameters])
    return model
