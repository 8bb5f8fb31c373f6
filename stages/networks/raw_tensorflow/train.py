"""Training of an MLP in low-level TensorFlow: sigmoid hidden layers, then softmax.

Keras is not used for training. The parts, in the order in which they are used:
    initialize     a weight matrix and a bias vector per layer
    forward        from images to class logits
    cross_entropy  the loss of the logits
    train_step     one gradient-descent step
    train          the training loop over batches of images
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.config.schema import RawTensorFlowModel, RawTraining
from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained

WARMUP = 0.1  # fraction of the steps, in the schedule `triangular`
LOGGING_STEPS = 100  # from row to row of the history

Parameters = Sequence[tf.Variable]  # see `initialize`


def initialize(sizes: Sequence[int], gain: float) -> list[tf.Variable]:
    """Initialize weights with Glorot initialization, and biases with zeros.

    The standard deviation of the weights is sqrt(2 / (inputs + outputs)). With 1 instead, the
    sigmoids would saturate, where their gradient is nearly 0, and learn slowly.

    Args:
        sizes: Number of inputs, of units of each hidden layer, and of outputs.
        gain: Factor of the hidden weights; since the slope of a sigmoid is at most 1/4, a gain of
            about 4 keeps the scale of the signal.

    Returns:
        Weights [inputs, outputs] and bias [outputs] of each layer, float32, in turn.

    Reference:
        Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks,
        AISTATS 2010.
    """
    parameters = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        scale = gain if number < len(sizes) - 1 else 1
        deviation = scale * math.sqrt(2 / (inputs + outputs))
        parameters.append(tf.Variable(tf.random.normal([inputs, outputs], stddev=deviation)))
        parameters.append(tf.Variable(tf.zeros([outputs])))
    return parameters


def forward(x: tf.Tensor, parameters: Parameters) -> tf.Tensor:
    """Compute logits [n, classes] of images x [n, pixels] with values from 0 to 1."""
    *hidden, output_weights, output_bias = parameters
    for weights, bias in zip(hidden[::2], hidden[1::2], strict=True):
        x = tf.sigmoid(tf.matmul(x, weights) + bias)
    return tf.matmul(x, output_weights) + output_bias


def cross_entropy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Mean of -log(probability of the true class); logits [n, classes], y [n] integers.

    The probabilities are softmax(logits) = exp(logits) / sum(exp(logits)). The largest logit is
    subtracted first: the result is the same, but exp cannot overflow.
    """
    shifted = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    log_probabilities = shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=1, keepdims=True))
    true_class = tf.one_hot(y, logits.shape[1])
    return -tf.reduce_mean(tf.reduce_sum(true_class * log_probabilities, axis=1))


def accuracy(logits: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """Fraction of examples whose largest logit is that of the true class."""
    correct = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), y)
    return tf.reduce_mean(tf.cast(correct, tf.float32))


@tf.function(reduce_retracing=True)
def train_step(
    x: tf.Tensor, y: tf.Tensor, parameters: Parameters, learning_rate: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Take one gradient-descent step; return the batch's loss and accuracy before it."""
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
    """Train for `steps` steps.

    The history has a row every LOGGING_STEPS steps, or every epoch if that is shorter, and after
    the last step.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes`.
        train: Images uint8 [n, height, width], y [n] classes.
        validation: Validation split, for the history, or None.
        make_batches: Function of the input pipeline.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    training, shape = config.training, train.x.shape[1:]
    sizes = [math.prod(shape), *config.network.hidden_units, len(info["classes"])]
    parameters = initialize(sizes, config.network.initial_gain)
    batches = make_batches(train, training, shuffle=True)
    every = min(LOGGING_STEPS, len(batches))
    finite = [parameter.numpy() for parameter in parameters]
    rows: list[dict[str, float]] = []
    measured: list[tuple[tf.Tensor, tf.Tensor]] = []
    for step, (x, y) in enumerate(batches.repeat().take(training.steps), 1):
        rate = learning_rate(training, step)
        measured.append(
            train_step(flatten_images(x), as_integers(y), parameters, tf.constant(rate))
        )
        if step % every and step < training.steps:
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


def flatten_images(images: tf.Tensor) -> tf.Tensor:
    """Convert images uint8 [n, ...] to float32 [n, pixels] with values from 0 to 1."""
    return tf.reshape(tf.cast(images, tf.float32) / 255, [len(images), -1])


def as_integers(y: tf.Tensor) -> tf.Tensor:
    """Convert labels [n] to int32."""
    return tf.cast(y, tf.int32)


def measure(
    means: np.ndarray, parameters: Parameters, validation: Split | None
) -> dict[str, float]:
    """Compute losses and accuracies for the history.

    Args:
        means: Loss and accuracy in training [2].
        parameters: Parameters of the network.
        validation: Validation split, or None.
    """
    loss, correct = means.tolist()
    if validation is None:
        return {"loss": loss, "accuracy": correct}
    logits = forward(flatten_images(np.asarray(validation.x)), parameters)
    y = as_integers(np.asarray(validation.y))
    return {
        "loss": loss,
        "val_loss": float(cross_entropy(logits, y)),
        "accuracy": correct,
        "val_accuracy": float(accuracy(logits, y)),
    }


def learning_rate(config: RawTraining, step: int) -> float:
    """Learning rate of a step, counted from 1.

    `triangular` increases linearly for a tenth of the steps, then decreases linearly to 0.
    """
    if config.schedule == "constant":
        return config.learning_rate
    progress = step / config.steps
    return config.learning_rate * min(progress / WARMUP, (1 - progress) / (1 - WARMUP))


def to_keras(weights: list[np.ndarray], shape: tuple[int, ...]) -> keras.Model:
    """Build a Keras model with the trained weights, to be stored and evaluated like all others.

    Args:
        weights: Values of Parameters.
        shape: Shape of an image.
    """
    units = [bias.size for bias in weights[1::2]]
    model = keras.Sequential(
        [
            keras.Input(shape, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            *(keras.layers.Dense(size, activation="sigmoid") for size in units[:-1]),
            keras.layers.Dense(units[-1], activation="softmax"),
        ]
    )
    model.set_weights(weights)
    return model
