"""A small fully connected network for points in the plane, watched while it learns.

What each of its neurons makes of the whole plane is kept from many moments of the training, as in
Smilkov et al.: Direct-manipulation visualization of deep networks, arXiv 1708.03788.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.params import PointsMlp
from stages.training import Trained, check_finite

MOMENTS = 36  # at which it is looked at, each farther from the last by the same factor
SIDE = 40  # of the grid of points at which surfaces are kept
LIMIT = 1.2  # the grid covers -LIMIT to LIMIT on both axes
AXIS = np.linspace(-LIMIT, LIMIT, SIDE, dtype=np.float32)
GRID = np.stack(np.meshgrid(AXIS, AXIS[::-1]), axis=-1)  # [SIDE, SIDE, 2], highest row first


def train(block: PointsMlp, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Train on batches of points with Adam; `progress` holds surfaces over the grid.

    A row of the history, here called an epoch, is one of MOMENTS.
    progress: steps [frames], the first 0; output, uint8 [frames, side, side], 255 is the
    probability 1; neurons, uint8 [frames, hidden neurons, side, side], 128 is 0 and each neuron is
    scaled by the largest output that it had at any of these moments.

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    del description  # all points are alike
    model = build(block)
    layers = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
    learn = learner(model, train, block)
    moments = np.unique(np.geomspace(1, block.steps, MOMENTS).round().astype(np.int32))
    history, seen = [], [look(layers)]
    for epoch, (step, count) in enumerate(
        zip(moments, np.diff(moments, prepend=0), strict=True), 1
    ):
        learn(tf.constant(count))
        held_out = {f"val_{name}": value for name, value in score(model, validation).items()}
        history.append({"epoch": epoch, "step": step} | score(model, train) | held_out)
        print(" - ".join(f"{name}: {value:.4g}" for name, value in history[-1].items()))
        check_finite(pd.DataFrame(history[-1:]))
        seen.append(look(layers))
    progress = {"steps": np.append(0, moments), **surfaces(np.stack(seen))}
    return Trained(model, pd.DataFrame(history), block.steps * block.batch_size, progress)


def build(block: PointsMlp) -> keras.Model:
    """From points [2] to the probability [1] of class 1."""
    hidden = [
        keras.layers.Dense(units, activation=block.activation) for units in block.hidden_units
    ]
    return keras.Sequential(
        [keras.Input((2,)), *hidden, keras.layers.Dense(1, activation="sigmoid")]
    )


def learner(model: keras.Model, train: Part, block: PointsMlp) -> Callable[[tf.Tensor], None]:
    """A function that takes as many steps as it is told, each on random training points.

    One graph for all of them: with so few weights, calling a step takes longer than the step.
    """
    x, y = tf.constant(train.x), tf.constant(train.y[:, None].astype(np.float32))
    adam = keras.optimizers.Adam(block.learning_rate)
    adam.build(model.trainable_variables)

    @tf.function
    def learn(steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            rows = tf.random.uniform([block.batch_size], 0, len(train.x), tf.int32)
            with tf.GradientTape() as tape:
                output = model(tf.gather(x, rows), training=True)
                wrong = keras.losses.binary_crossentropy(tf.gather(y, rows), output)
                loss = tf.reduce_mean(wrong)
            gradients = tape.gradient(loss, model.trainable_variables)
            adam.apply(gradients, model.trainable_variables)

    return learn


def score(model: keras.Model, part: Part) -> dict[str, float]:
    """Mean cross-entropy in nats, and the share of points on the right side."""
    p = model(part.x)
    loss = keras.losses.binary_crossentropy(part.y[:, None].astype(np.float32), p)
    right = (p.numpy()[:, 0] > 0.5) == part.y
    return {"loss": float(tf.reduce_mean(loss)), "accuracy": float(right.mean())}


def look(layers: keras.Model) -> np.ndarray:
    """What each neuron makes of each point of the grid: float32 [neurons, side, side]."""
    outputs = layers(GRID.reshape(-1, 2))
    columns = np.concatenate(outputs if isinstance(outputs, list) else [outputs], axis=1)
    return columns.T.reshape(-1, SIDE, SIDE)


def surfaces(seen: np.ndarray) -> dict[str, np.ndarray]:
    """What was seen, [frames, neurons, side, side] with the output last, as uint8."""
    hidden, output = seen[:, :-1], seen[:, -1]
    largest = np.abs(hidden).max(axis=(0, 2, 3), keepdims=True)
    scaled = 127.5 + 127.5 * hidden / np.maximum(largest, 1e-9)
    return {
        "output": np.round(255 * output).astype(np.uint8),
        "neurons": np.round(scaled).astype(np.uint8),
    }
