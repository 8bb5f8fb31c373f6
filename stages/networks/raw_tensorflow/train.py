"""A network from TensorFlow's low-level operations: a sigmoid hidden layer, then softmax.

Nothing of Keras learns here. The parts, in the order in which they are used:
    Parameters     two matrices and two vectors, all that is learned
    forward        from images to one number per class, its logit
    cross_entropy  how wrong the logits are
    train_step     one step down the slope of that error
    train          many such steps, each on a batch of images
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.config.schema import RawTensorFlowModel, RawTraining
from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained

WARMUP = 0.1  # of the steps of the schedule `triangular`


class Parameters(NamedTuple):
    """All that the network learns, float32."""

    hidden_weights: tf.Variable  # [pixels, hidden]
    hidden_bias: tf.Variable  # [hidden]
    output_weights: tf.Variable  # [hidden, classes]
    output_bias: tf.Variable  # [classes]


def initialize(pixels: int, hidden: int, classes: int, gain: float) -> Parameters:
    """Random weights, small enough that sums over many inputs stay near 0, and zero biases.

    Their standard deviation is sqrt(2 / (inputs + outputs)). With 1 instead, the sigmoids would
    start saturated, where their slope is nearly 0, and learn little.

    Args:
        pixels: inputs.
        hidden: units of the hidden layer.
        classes: outputs.
        gain: factor of the hidden weights; since the slope of a sigmoid is a quarter at most,
            about 4 keeps the hidden layer's signal as large as before it.

    Reference:
        Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010.
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
    """Logits [n, classes] of images x [n, pixels] with values 0 to 1."""
    hidden = tf.sigmoid(tf.matmul(x, parameters.hidden_weights) + parameters.hidden_bias)
    return tf.matmul(hidden, parameters.output_weights) + parameters.output_bias


def cross_entropy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Mean of -log(probability of the true class); logits [n, classes], y [n] integers.

    The probabilities are exp(logit) / sum of exp(logits). The largest logit is subtracted first:
    it changes nothing, and keeps exp from overflowing.
    """
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    log_probabilities = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1, keepdims=True))
    true_class = tf.one_hot(y, logits.shape[1])
    return -tf.reduce_mean(tf.reduce_sum(true_class * log_probabilities, axis=1))


def accuracy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The fraction of examples whose largest logit is that of their class."""
    correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
    return tf.reduce_mean(tf.cast(correct, tf.float32))


@tf.function(reduce_retracing=True)
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


def train(
    config: RawTensorFlowModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Take `steps` steps; a row of history after each time through the data, and at the end.

    Args:
        config: section of the model.
        info: of the processed dataset: `classes`.
        train: images uint8 [n, height, width], y [n] classes.
        validation: the same, to show how learning goes on.
        make_batches: of the input pipeline.

    Raises:
        DivergedError: if a loss or weight is not finite.
    """
    training, shape = config.training, train.x.shape[1:]
    parameters = initialize(
        math.prod(shape),
        config.network.hidden_units,
        len(info["classes"]),
        config.network.initial_gain,
    )
    batches = make_batches(train, training, shuffle=True)
    finite = [parameter.numpy() for parameter in parameters]
    rows: list[dict[str, float]] = []
    measured: list[tuple[tf.Tensor, tf.Tensor]] = []
    for step, (x, y) in enumerate(batches.repeat().take(training.steps), 1):
        rate = learning_rate(training, step)
        measured.append(train_step(as_rows(x), as_integers(y), parameters, tf.constant(rate)))
        if step % len(batches) and step < training.steps:
            continue
        row = {"training_step": step, "learning_rate": rate}
        row |= measure(np.mean(measured, axis=0), parameters, validation)
        weights = [parameter.numpy() for parameter in parameters]
        if not all(np.isfinite(value).all() for value in (*row.values(), *weights)):
            raise DivergedError(
                f"training diverged: a loss or weight is not finite after training step {step}, "
                "expected finite numbers: lower the learning_rate",
                to_keras(finite, shape),
            )
        finite, measured = weights, []
        rows.append(row)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
        print(f"step {step}/{training.steps}: {numbers}", flush=True)
    num_examples = round(training.steps * len(train.y) / len(batches))
    return Trained(to_keras(finite, shape), pd.DataFrame(rows), {}, num_examples)


def as_rows(images: tf.Tensor) -> tf.Tensor:
    """Images uint8 [n, ...] as pixels from 0 to 1, float32 [n, pixels]."""
    return tf.reshape(tf.cast(images, tf.float32) / 255, [len(images), -1])


def as_integers(y: tf.Tensor) -> tf.Tensor:
    """Labels [n] as int32."""
    return tf.cast(y, tf.int32)


def measure(
    means: np.ndarray, parameters: Parameters, validation: Split | None
) -> dict[str, float]:
    """The columns of the history: loss and accuracy in training `means` [2] and in validation."""
    loss, correct = means.tolist()
    if validation is None:
        return {"loss": loss, "accuracy": correct}
    logits = forward(as_rows(np.asarray(validation.x)), parameters)
    y = as_integers(np.asarray(validation.y))
    return {
        "loss": loss,
        "val_loss": float(cross_entropy(logits, y)),
        "accuracy": correct,
        "val_accuracy": float(accuracy(logits, y)),
    }


def learning_rate(config: RawTraining, step: int) -> float:
    """The rate of a step, from 1: constant, or rising for a tenth of the steps, then falling to 0.

    Both slopes of `triangular` are linear.
    """
    if config.schedule == "constant":
        return config.learning_rate
    progress = step / config.steps
    return config.learning_rate * min(progress / WARMUP, (1 - progress) / (1 - WARMUP))


def to_keras(weights: list[np.ndarray], shape: tuple[int, ...]) -> keras.Model:
    """The trained weights in a Keras model, so that they are stored and evaluated as all are.

    Args:
        weights: of Parameters.
        shape: of an image.
    """
    model = keras.Sequential(
        [
            keras.Input(shape, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(weights[0].shape[1], activation="sigmoid"),
            keras.layers.Dense(weights[2].shape[1], activation="softmax"),
        ]
    )
    model.set_weights(weights)
    return model
